/** What DAP suites on Wine begin each test with, and end it with. Called in a describe block, which is handed it before each test. */
import { DapTestClient } from './dap-client.js';
import { debugMachine } from './debug-machine.js';

/** An adapter of its own for each test, on the debugger's machine. @param take gets it, and the folder of the machine's project */
export function adapterForEach(take: (dap: DapTestClient, folder: string) => void): void {
  let folder = '';
  let dap: DapTestClient | undefined;

  before(async () => {
    ({ folder } = await debugMachine());
  });
  beforeEach(async () => {
    dap = await DapTestClient.start();
    take(dap, folder);
  });
  afterEach(() => dap?.close());
}
