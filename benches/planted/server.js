// HTTP servers with one planted bottleneck each: server.js BOTTLENECK [PORT_OF_THE_PEER]. Prints the port.
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

// As many requests to the peer as there are, and for as long as it takes.
const agent = new http.Agent({ keepAlive: true });
function ask(answer) {
  const request = http.get({ host: '127.0.0.1', port: Number(process.argv[3]), agent }, (response) => {
    response.resume();
    response.on('end', answer);
  });
  request.on('error', answer);
}

const bottlenecks = {
  'blocked-loop': (answer) => { render(200000); answer(); },
  'small-queue': (answer) => { queue.push(answer); next(); },
  'slow-dependency': ask,
  'nothing': (answer) => answer(),
};
const work = bottlenecks[process.argv[2]];
const server = http.createServer((request, response) => work(() => response.end('ok')));
server.listen(0, '127.0.0.1', 1024, () => console.log(server.address().port));
