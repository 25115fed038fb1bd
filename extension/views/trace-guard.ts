/** Whether a trace records on the target, by this window or by anyone: a long walk would disturb what it measures. */
import { TraceRecordsError } from '../../target/namespace-index.js';
import type { Connection, ViewServices } from './services.js';

/** Asking the target each time would be a disturbance of its own. */
const ASK_AGAIN_MS = 1_000;

export class TraceGuard {
  readonly #services: ViewServices;
  #asked = 0;
  #holder: string | undefined;

  constructor(services: ViewServices) {
    this.#services = services;
  }

  /** Who records; undefined: nobody. */
  async holder({ client, project, stoppedKernel }: Connection, signal: AbortSignal): Promise<string | undefined> {
    if (stoppedKernel !== undefined) return undefined;
    if (this.#services.tracing) return 'this window';
    if (Date.now() - this.#asked < ASK_AGAIN_MS) return this.#holder;
    const { holder } = await client.request(
      'lock/query',
      { role: 'tracer', subject: project.driver.service },
      { signal },
    );
    this.#asked = Date.now();
    this.#holder = holder;
    return holder;
  }

  /** @throws TraceRecordsError */
  async mayWalk(connection: Connection, signal: AbortSignal): Promise<void> {
    const holder = await this.holder(connection, signal);
    if (holder !== undefined) throw new TraceRecordsError(connection.client.target, holder);
  }
}
