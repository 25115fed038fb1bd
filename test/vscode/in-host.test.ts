/**
 * Runs suite/*.suite.ts inside the extension host of a real VS Code, against the installed package. Each of its tests counts
 * here as a test of its own.
 */
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Mocha from 'mocha';
import { bundleSuite, suiteEnvironment, type SuiteReport } from './suite-bundle.js';
import { OUT, VscodeHost } from './host.js';

/** All of the suite, with a build, a new Wine prefix and a deployment in it. */
const SUITE_TIMEOUT_MS = 400_000;

describe('in the extension host', function () {
  this.timeout(SUITE_TIMEOUT_MS + 90_000);

  let report: SuiteReport | undefined;
  let exitCode: number | undefined;
  let hostErrors: string[] = [];

  before(async function () {
    const suite = await bundleSuite();
    const file = path.join(OUT, 'in-host.json');
    await rm(file, { force: true });
    const host = await VscodeHost.start({ name: 'in-host', testDriver: true });
    let failed = true;
    try {
      const workspace = await host.sample('sample');
      const other = await host.emptyFolder('other');
      const page = await host.newPage();
      const ended = new Promise<number>((resolve) => {
        void page.exposeFunction('codeAutomationExit', (code: number) => resolve(code));
      });
      await page.exposeFunction('codeAutomationLog', () => undefined);
      const uri = (place: string): string => `vscode-remote://127.0.0.1:${host.port}${place}`;
      await host.goTo(page, workspace, [
        ['extensionDevelopmentPath', uri(host.extensionFolder)],
        ['extensionTestsPath', uri(suite)],
        ['extensionEnvironment', JSON.stringify(suiteEnvironment(file, other))],
        ['skipWelcome', 'true'],
      ]);
      const late = delay(SUITE_TIMEOUT_MS, undefined, { ref: false });
      exitCode = (await Promise.race([ended, late])) ?? undefined;
      report = JSON.parse(await readFile(file, 'utf8')) as SuiteReport;
      hostErrors = await host.hostErrors();
      failed = exitCode !== 0 || hostErrors.length > 0;
    } finally {
      await host.stop(failed);
    }
    for (const { title, error } of report.tests) {
      this.test?.parent?.addTest(
        new Mocha.Test(title, () => {
          if (error !== undefined) assert.fail(error);
        }),
      );
    }
  });

  it('the suite ran to its end', () => {
    assert.ok(report !== undefined, 'it wrote no report');
    assert.equal(report.ended, true, 'it was cut');
    assert.ok(exitCode !== undefined, 'the host did not say that it had ended');
    assert.ok(report.tests.length > 0, 'it has no tests');
  });

  it('no promise was rejected unseen', () => assert.deepEqual(hostErrors, []));
});
