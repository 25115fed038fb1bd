/** Runs mocha inside the extension host, and writes a report that the other side reads. */
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import type { SuiteReport } from '../suite-bundle.js';

const TEST_TIMEOUT_MS = 120_000;

/**
 * @param suites each defines its tests when it is called
 * @throws when a test failed: the host then ends with another code than 0
 */
export async function runSuites(suites: readonly (() => Promise<unknown>)[]): Promise<void> {
  const file = process.env['EVENTSCOPE_TEST_REPORT'];
  if (file === undefined) throw new Error('EVENTSCOPE_TEST_REPORT is not set');
  const mocha = new Mocha({ ui: 'bdd', timeout: TEST_TIMEOUT_MS });
  mocha.suite.emit('pre-require', globalThis, '', mocha);
  for (const define of suites) await define();
  const tests: SuiteReport['tests'][number][] = [];
  const write = (ended: boolean): void => {
    const report: SuiteReport = { tests, ended };
    writeFileSync(file, JSON.stringify(report));
  };
  write(false);
  const failures = await new Promise<number>((resolve) => {
    const runner = mocha.run(resolve);
    runner.on('pass', (test) => {
      tests.push({ title: test.fullTitle(), ms: test.duration ?? 0 });
      write(false);
    });
    runner.on('fail', (test, error: Error) => {
      tests.push({ title: test.fullTitle(), ms: test.duration ?? 0, error: error.stack ?? error.message });
      write(false);
    });
  });
  write(true);
  if (failures > 0) throw new Error(`${failures} tests failed`);
}
