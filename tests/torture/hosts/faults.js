// Node: WebAssembly out of bounds (V8 catches SIGSEGV for it), abort, stack overflow of JavaScript, worker threads.
// faults.js wasm|abort|overflow|workers|killed
'use strict';
const { Worker, isMainThread, workerData } = require('worker_threads');

// (module (memory 1) (func (export "load") (param i32) (result i32) local.get 0 i32.load))
const code = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1,
  7, 8, 1, 4, 108, 111, 97, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 40, 2, 0, 11]);

function trap(n) {
  const load = new WebAssembly.Instance(new WebAssembly.Module(code)).exports.load;
  let caught = 0;
  for (let i = 0; i < n; i++) {
    try {
      load(0x7fffffff - (i & 0xffff));
    } catch (error) {
      caught += error instanceof WebAssembly.RuntimeError;
    }
  }
  return caught;
}

function recurse(n) {
  return recurse(n + 1) + 1;
}

function overflow() {
  try {
    recurse(0);
  } catch (error) {
    console.log(error.constructor.name);
  }
}

function main(deed) {
  console.log('begins', deed);
  if (deed === 'wasm') console.log('caught', trap(20000));
  if (deed === 'abort') process.abort();
  if (deed === 'overflow') overflow();
  if (deed === 'killed') process.kill(process.pid, 'SIGSEGV');
  if (deed === 'workers') {
    let left = 4;
    for (let i = 0; i < 4; i++) {
      new Worker(__filename, { workerData: i }).on('message', (n) => {
        left -= n === 2000;
        if (!left) console.log('all caught');
      });
    }
    return;
  }
  console.log('ends');
}

if (isMainThread) main(process.argv[2]);
else require('worker_threads').parentPort.postMessage(trap(2000));
