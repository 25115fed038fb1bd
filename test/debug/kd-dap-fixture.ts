/** A model of a kernel, and the bundled debug adapter to be attached to it. */
import { DapTestClient } from './dap-client.js';
import { KdBench } from './kd-fixture.js';

export interface KdAdapter {
  readonly bench: KdBench;
  readonly dap: DapTestClient;
}

/** For each test of a suite, or one for all; they end with it. */
export function withKdAdapter(
  scope: 'each' | 'all',
  take: (made: KdAdapter) => unknown,
  make: () => Promise<KdBench> = () => KdBench.make(),
): void {
  let made: { readonly bench: KdBench; readonly dap?: DapTestClient } | undefined;
  (scope === 'each' ? beforeEach : before)(async () => {
    const bench = await make();
    made = { bench };
    const dap = await DapTestClient.start();
    made = { bench, dap };
    await take({ bench, dap });
  });
  (scope === 'each' ? afterEach : after)(async () => {
    await made?.dap?.close();
    await made?.bench.close();
    made = undefined;
  });
}
