/** The time of the extension's activation, as VS Code itself counts it. */
import { VscodeHost } from '../vscode/host.js';
import { Workbench } from '../vscode/workbench.js';
import type { Benchmark } from './benchmark.js';
import { type Figure, median } from './figure.js';

const RUNS = 3;
/** Of "Developer: Show Running Extensions": loading the bundle and the call of activate(). */
const ACTIVATION = /Activation: (\d+)ms/;

async function activationMs(workbench: Workbench): Promise<number> {
  await workbench.command('Developer: Show Running Extensions');
  const row = workbench.page.locator('.runtime-extensions-editor .monaco-list-row').filter({ hasText: 'Eventscope' });
  await row.waitFor({ timeout: 60_000 });
  const found = ACTIVATION.exec(await row.innerText());
  if (found === null) throw new Error(`VS Code tells no activation time: ${await row.innerText()}`);
  return Number(found[1]);
}

export const extension: Benchmark = {
  names: ['extension-activation'],
  async run(bench) {
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      bench.operation.progress(`Activating the extension: run ${run + 1} of ${RUNS}`);
      const host = await VscodeHost.start({ name: 'bench-extension' });
      try {
        const workbench = new Workbench(await host.open(await host.emptyFolder('empty')));
        await workbench.contributed();
        await workbench.showViews();
        await workbench.status.or(workbench.page.getByText('This folder does not describe')).first().waitFor();
        times.push(await activationMs(workbench));
      } finally {
        await host.stop();
      }
    }
    const figure: Figure = {
      bench: 'extension-activation',
      value: median(times),
      unit: 'ms',
      better: 'lower',
      aim: 50,
      peer: null,
      peerValue: null,
      runs: RUNS,
    };
    return [figure];
  },
};
