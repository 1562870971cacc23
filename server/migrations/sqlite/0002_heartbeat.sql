-- Newest heartbeat of each process, to measure the lag of replicas.
CREATE TABLE heartbeat (
    origin INTEGER PRIMARY KEY,
    number INTEGER NOT NULL,
    beaten_at INTEGER NOT NULL
) STRICT;

-- Finds old heartbeats.
CREATE INDEX heartbeat_beaten_at ON heartbeat (beaten_at);
