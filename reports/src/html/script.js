'use strict';
(() => {
  const SVG = 'http://www.w3.org/2000/svg';
  const make = (parent, name, text, attributes) => {
    const node = document.createElement(name);
    if (text) node.textContent = text;
    for (const key in attributes || {}) node.setAttribute(key, attributes[key]);
    if (parent) parent.appendChild(node);
    return node;
  };

  // Values at a point of a chart, read from the table behind it.
  const crosshair = (figure) => {
    const canvas = figure.querySelector('.canvas');
    const table = figure.querySelector('details table');
    const charts = [...figure.querySelectorAll('svg.chart[data-at]')];
    if (!canvas || !table || !charts.length) return;
    const head = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
    const rows = table.tBodies[0].rows;
    const views = charts.map((svg) => {
      const line = document.createElementNS(SVG, 'line');
      const [top, bottom] = svg.dataset.plot.split(' ');
      line.setAttribute('class', 'cross');
      line.setAttribute('y1', top);
      line.setAttribute('y2', bottom);
      line.style.visibility = 'hidden';
      svg.appendChild(line);
      return { svg, line, at: svg.dataset.at.split(' ').map(Number) };
    });
    if (views.some((view) => view.at.length !== rows.length)) return;
    const output = make(null, 'p', '', { class: 'values', 'aria-live': 'polite' });
    canvas.after(output);
    let shown = -1;
    const show = (index) => {
      shown = index;
      for (const view of views) {
        view.line.setAttribute('x1', view.at[index]);
        view.line.setAttribute('x2', view.at[index]);
        view.line.style.visibility = 'visible';
      }
      output.textContent = '';
      [...rows[index].cells].forEach((cell, column) => {
        if (column) output.append(' ');
        const value = make(output, 'span');
        make(value, 'span', head[column] + ' ');
        make(value, 'strong', cell.textContent);
      });
    };
    const hide = () => {
      shown = -1;
      for (const view of views) view.line.style.visibility = 'hidden';
      output.textContent = '';
    };
    const nearest = (event) => {
      const view = views.find((each) => each.svg.getBoundingClientRect().width > 0);
      if (!view) return;
      const box = view.svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * view.svg.viewBox.baseVal.width;
      let best = 0;
      view.at.forEach((at, index) => {
        if (Math.abs(at - x) < Math.abs(view.at[best] - x)) best = index;
      });
      show(best);
    };
    canvas.addEventListener('pointermove', nearest);
    canvas.addEventListener('pointerdown', nearest);
    canvas.addEventListener('pointerleave', hide);
    canvas.tabIndex = 0;
    canvas.setAttribute('role', 'group');
    canvas.setAttribute('aria-label', 'Chart; the left and right arrow keys show its values');
    canvas.addEventListener('blur', hide);
    canvas.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      show(Math.min(rows.length - 1, Math.max(0, shown + step)));
    });
  };

  // Search and zoom of a flamegraph.
  const flamegraph = (svg) => {
    const frames = [...svg.children]
      .filter((node) => node.tagName === 'svg')
      .map((node) => {
        const [title, , text] = node.children;
        const full = title.textContent;
        return {
          node,
          text,
          full,
          name: node.dataset.name || full.replace(/ \([^(]*\)$/, ''),
          x: parseFloat(node.getAttribute('x')),
          y: parseFloat(node.getAttribute('y')),
          w: parseFloat(node.getAttribute('width')),
        };
      });
    if (!frames.length) return;
    const bar = make(null, 'div', '', { class: 'tools' });
    svg.closest('.canvas').before(bar);
    const label = make(bar, 'label', 'Search functions ');
    const input = make(label, 'input', '', { type: 'search' });
    const reset = make(bar, 'button', 'Reset zoom', { type: 'button' });
    reset.hidden = true;
    const status = make(bar, 'output', 'Select a frame to zoom in.');
    const slack = 1e-6;
    const zoom = (to) => {
      const left = to ? to.x : 0;
      const width = to ? to.w : 100;
      for (const frame of frames) {
        const inside = frame.x >= left - slack && frame.x + frame.w <= left + width + slack;
        const below = to && frame.y > to.y && frame.x <= left + slack && frame.x + frame.w >= left + width - slack;
        const shown = below || (inside && (!to || frame.y <= to.y));
        frame.node.style.display = shown ? '' : 'none';
        if (!shown) continue;
        const w = below ? 100 : (frame.w / width) * 100;
        frame.node.setAttribute('x', (below ? 0 : ((frame.x - left) / width) * 100) + '%');
        frame.node.setAttribute('width', w + '%');
        if (w > 1.2 && !frame.text) {
          frame.text = document.createElementNS(SVG, 'text');
          frame.text.setAttribute('x', 4);
          frame.text.setAttribute('y', 13);
          frame.text.textContent = frame.name;
          frame.node.appendChild(frame.text);
        }
        if (frame.text) frame.text.style.display = w > 1.2 ? '' : 'none';
      }
      reset.hidden = !to;
      if (to) status.textContent = to.full;
    };
    const search = () => {
      const wanted = input.value.trim().toLowerCase();
      const hits = wanted ? frames.filter((frame) => frame.name.toLowerCase().includes(wanted)) : [];
      for (const frame of frames) frame.node.classList.toggle('hit', hits.includes(frame));
      // A function on its own stack twice counts once.
      let share = 0;
      let end = -1;
      for (const hit of [...hits].sort((a, b) => a.x - b.x || b.w - a.w)) {
        if (hit.x + hit.w > end + slack) {
          share += hit.x + hit.w - Math.max(hit.x, end);
          end = hit.x + hit.w;
        }
      }
      const names = new Set(hits.map((hit) => hit.name)).size;
      if (wanted) status.textContent = names ? `${names} ${names === 1 ? 'function matches' : 'functions match'}, with ${share.toFixed(2)}% of ${svg.dataset.whole}.` : 'No function matches.';
      return hits;
    };
    input.addEventListener('input', search);
    input.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') zoom(null);
      if (event.key !== 'Enter') return;
      const [widest] = search().sort((a, b) => b.w - a.w);
      if (widest) zoom(widest);
    });
    reset.addEventListener('click', () => zoom(null));
    svg.addEventListener('click', (event) => {
      const node = event.target.closest('svg.flame > svg');
      const frame = frames.find((each) => each.node === node);
      if (frame) zoom(frame);
    });
  };

  // Tables that a click on a heading sorts.
  const units = { ns: 1e-9, 'µs': 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600 };
  const figure = (text) => {
    const parts = /^([+−-]?)([\d,]*\.?\d+)\s*([a-zµ]*)/i.exec(text.replace(/^[<]/, ''));
    if (!parts || /^\d{4}-\d{2}/.test(text)) return null;
    const number = parseFloat(parts[2].replace(/,/g, '')) * (units[parts[3]] || 1);
    return parts[1] && parts[1] !== '+' ? -number : number;
  };
  const sortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const name = head.textContent;
      if (!name) return;
      head.textContent = '';
      const button = make(head, 'button', name, { type: 'button' });
      button.addEventListener('click', () => {
        const down = head.getAttribute('aria-sort') !== 'descending';
        for (const other of heads) other.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row, index) => {
          const text = row.cells[column].textContent.trim();
          return { row, index, text, number: figure(text) };
        });
        rows.sort((a, b) => {
          const missing = (a.text === '–') - (b.text === '–');
          if (missing) return missing;
          const both = a.number !== null && b.number !== null;
          const order = both ? a.number - b.number : a.text.localeCompare(b.text);
          return (down ? -order : order) || a.index - b.index;
        });
        for (const each of rows) body.appendChild(each.row);
      });
    });
  };

  document.querySelectorAll('figure').forEach(crosshair);
  document.querySelectorAll('svg.flame').forEach(flamegraph);
  document.querySelectorAll('table.sortable').forEach(sortable);
})();
