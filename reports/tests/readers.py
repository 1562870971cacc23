"""Reads exports with the parsers that their formats are known by, and prints what they found."""

import json
import pathlib
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from junitparser import JUnitXml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

HIGHEST_NS = 3_600_000_000_000
directory = pathlib.Path(sys.argv[1])


def read_hlog():
    reader = HistogramLogReader(
        str(directory / "latencies.hlog"), HdrHistogram(1, HIGHEST_NS, 3)
    )
    untagged, tags = HdrHistogram(1, HIGHEST_NS, 3), {}
    while (interval := reader.get_next_interval_histogram()) is not None:
        if interval.get_tag():
            tags.setdefault(interval.get_tag(), 0)
            tags[interval.get_tag()] += interval.get_total_count()
        else:
            untagged.add(interval)
    found = {
        "count": untagged.get_total_count(),
        "p99": untagged.get_value_at_percentile(99.0),
        "max": untagged.get_max_value(),
        "tags": tags,
    }
    return found, untagged


def same_steps(histogram):
    """The columns of the first steps, up to where implementations round differently."""
    lines = (directory / "response.hgrm").read_text().splitlines()
    steps = [line.split() for line in lines if line[:1] == " "][1:]
    ends = [float(step[0]) for step in steps if float(step[1]) in (0.5, 0.75, 1.0)]
    wanted = [
        round(histogram.get_value_at_percentile(p) / 1e6, 3) for p in (50.0, 75.0, 100.0)
    ]
    count = int(steps[-1][2])
    # The footer is read as it stands.
    mean = float(lines[-3].split("=")[1].split(",")[0])
    return (
        ends[:2] == wanted[:2]
        and ends[-1] == wanted[2]
        and count == histogram.get_total_count()
        and abs(mean - histogram.get_mean_value() / 1e6) < 0.002
    )


def read_openmetrics():
    text = (directory / "openmetrics.txt").read_text()
    families = {f.name: f for f in text_string_to_metric_families(text)}
    completed = sum(
        s.value
        for s in families["tenfold_requests"].samples
        if s.labels["outcome"] == "completed"
    )
    responses = sum(
        s.value
        for s in families["tenfold_response_seconds"].samples
        if s.name.endswith("_count")
    )
    return {"completed": completed, "responses": responses}


def read_junit():
    suites = JUnitXml.fromfile(str(directory / "junit.xml"))
    suite = next(iter(suites))
    return {"tests": len(list(suite)), "failures": suite.failures}


hlog, histogram = read_hlog()
print(
    json.dumps(
        {
            "hlog": hlog,
            "hgrm_is_the_same": same_steps(histogram),
            "openmetrics": read_openmetrics(),
            "junit": read_junit(),
        }
    )
)
