/**
 * Types, lint, format and unit tests: what must hold before a commit, in under a minute.
 *
 *   node scripts/check.mjs
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { UNIT_TESTS } from './test-stages.mjs';

const ROOT = path.dirname(import.meta.dirname);
const bin = (name) => path.join(ROOT, 'node_modules', '.bin', name);

/** The longest first: the others go beside it. */
const STEPS = [
  ['unit tests', bin('mocha'), ['--reporter', 'dot', ...UNIT_TESTS]],
  ['types', bin('tsc'), ['-p', '.']],
  ['types of the webview', bin('tsc'), ['-p', 'webview']],
  ['lint', bin('oxlint'), ['--type-aware']],
  ['format', bin('prettier'), ['--check', '--log-level', 'warn', '.']],
];
const PARALLEL = 2;
/** A step that hangs is ended: a test that leaves something open would keep mocha for ever. */
const LIMIT_MS = 180_000;

function run([name, command, args]) {
  return new Promise((resolve) => {
    const began = performance.now();
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS });
    let output = '';
    const keep = (chunk) => (output += chunk.toString('utf8'));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => resolve({ name, passed: false, output: error.message, seconds: 0 }));
    child.on('close', (code, signal) => {
      if (signal !== null) output += `ended by ${signal} after ${LIMIT_MS / 1000} s\n`;
      resolve({ name, passed: code === 0, output, seconds: (performance.now() - began) / 1000 });
    });
  });
}

const waiting = [...STEPS];
let failures = 0;
async function worker() {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    const { name, passed, output, seconds } = await run(step);
    process.stdout.write(`${passed ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)\n`);
    if (!passed) {
      failures++;
      process.stdout.write(`${output.trimEnd()}\n`);
    }
  }
}
await Promise.all(Array.from({ length: PARALLEL }, worker));
process.exitCode = failures === 0 ? 0 : 1;
