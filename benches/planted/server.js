// HTTP servers with one planted bottleneck each: server.js BOTTLENECK. Prints the port.
'use strict';
const http = require('node:http');

function render(size) {
  let sum = 0;
  for (let number = 0; number < size; number += 1) sum += Math.sqrt(number) % 3;
  return sum;
}

let running = 0;
const queue = [];
function next() {
  while (running < 4 && queue.length > 0) {
    running += 1;
    const answer = queue.shift();
    setTimeout(() => {
      running -= 1;
      answer();
      next();
    }, 20);
  }
}

const bottlenecks = {
  'blocked-loop': (answer) => { render(200000); answer(); },
  'small-queue': (answer) => { queue.push(answer); next(); },
};
const work = bottlenecks[process.argv[2]];
const server = http.createServer((request, response) => work(() => response.end('ok')));
server.listen(0, '127.0.0.1', 1024, () => console.log(server.address().port));
