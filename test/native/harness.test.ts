/**
 * The driver's own C on the modelled kernel (`driver/harness`): each scenario of the C runner is a test here. All of them
 * run under AddressSanitizer and UBSan; those that race run under ThreadSanitizer as well.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { buildHost, driverFolder, sanitizerEnvironment, type Instrumentation } from './host-harness.js';

const BUILD_AND_RUN_MS = 300_000;

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly message: string;
}

interface Scenario {
  readonly name: string;
  readonly concurrent: boolean;
}

/** The scenarios' names, from their tables, so that each is a test before anything is compiled. */
function readScenarios(): Scenario[] {
  const folder = path.join(driverFolder, 'harness');
  const scenarios: Scenario[] = [];
  for (const file of readdirSync(folder).filter((name) => name.startsWith('scenarios_'))) {
    const text = readFileSync(path.join(folder, file), 'utf8');
    for (const match of text.matchAll(/^ {4}(\{|ON_BOTH\(|ON_WINDOWS\(|ON_WINE\(|RACE_ON_BOTH\()"([^"]+)"/gm)) {
      const macro = match[1] ?? '';
      const name = match[2] ?? '';
      const targets =
        macro === '{'
          ? ['']
          : macro === 'ON_WINDOWS('
            ? [' (Windows)']
            : macro === 'ON_WINE('
              ? [' (Wine)']
              : [' (Windows)', ' (Wine)'];
      for (const target of targets) {
        scenarios.push({ name: name + target, concurrent: macro === 'RACE_ON_BOTH(' });
      }
    }
  }
  return scenarios;
}

function isOutcome(value: unknown): value is Outcome {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'ok' in value &&
    typeof value.ok === 'boolean' &&
    'message' in value &&
    typeof value.message === 'string'
  );
}

/** Runs the program to its end. It exits with 1 when a scenario failed, which is for the tests to say. */
async function runScenarios(program: string, args: readonly string[]): Promise<Map<string, Outcome>> {
  const output = await new Promise<string>((resolve, reject) => {
    execFile(
      program,
      args,
      { env: sanitizerEnvironment, timeout: BUILD_AND_RUN_MS, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error !== null && error.code !== 1) {
          reject(new Error(`${path.basename(program)} ended with ${error.message}\n${stderr}`, { cause: error }));
        } else {
          resolve(stdout);
        }
      },
    );
  });
  const outcomes = new Map<string, Outcome>();
  for (const line of output.split('\n').filter((text) => text !== '')) {
    const value: unknown = JSON.parse(line);
    assert.ok(isOutcome(value), `an outcome of a scenario: ${line}`);
    outcomes.set(value.name, value);
  }
  return outcomes;
}

function testScenarios(kind: Instrumentation, args: readonly string[], scenarios: readonly Scenario[]): void {
  let outcomes = new Map<string, Outcome>();

  before(async function () {
    this.timeout(BUILD_AND_RUN_MS);
    outcomes = await runScenarios(await buildHost(kind), args);
  });

  it('runs every scenario of the tables', () => {
    assert.deepEqual([...outcomes.keys()].sort(), scenarios.map((scenario) => scenario.name).sort());
  });

  for (const { name } of scenarios) {
    it(name, () => {
      const outcome = outcomes.get(name);
      assert.ok(outcome !== undefined, 'the scenario ran');
      assert.ok(outcome.ok, outcome.message);
    });
  }
}

describe('the driver on the modelled kernel', () => {
  const scenarios = readScenarios();

  describe('under AddressSanitizer and UBSan', () => {
    testScenarios('address', [], scenarios);
  });

  describe('under ThreadSanitizer', () => {
    testScenarios(
      'thread',
      ['--concurrent'],
      scenarios.filter((scenario) => scenario.concurrent),
    );
  });
});
