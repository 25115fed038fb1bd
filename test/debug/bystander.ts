import assert from 'node:assert/strict';
import type { AgentClient } from '../../target/agent-client.js';

/** Below the time-outs of the suites that use it. */
const SAYS_TIMEOUT_MS = 90_000;

const wait = (ms: number): Promise<void> => new Promise((next) => setTimeout(next, ms));

/** A program that another agent has started, with what it says. */
export class Bystander {
  said = '';
  private constructor(
    readonly client: AgentClient,
    readonly process: number,
  ) {}

  static async start(client: AgentClient, program: string, parameters: readonly string[]): Promise<Bystander> {
    const early: { process: number; text: string }[] = [];
    const hear = ({ process, data }: { process: number; data: Uint8Array }): void => {
      early.push({ process, text: Buffer.from(data).toString('utf8') });
    };
    const quiet = client.onNotification('process/output', hear);
    const { process } = await client.request('process/start', {
      program,
      arguments: [...parameters],
      endWithAgent: true,
    });
    quiet();
    const made = new Bystander(client, process);
    const take = (from: number, text: string): void => {
      if (from === process) made.said += text;
    };
    for (const each of early) take(each.process, each.text);
    client.onNotification('process/output', ({ process: from, data }) =>
      take(from, Buffer.from(data).toString('utf8')),
    );
    return made;
  }

  /** Bounded: a program that ends, or says nothing for long, fails the test with what it said. */
  async says(text: RegExp): Promise<void> {
    const until = performance.now() + SAYS_TIMEOUT_MS;
    while (!text.test(this.said)) {
      assert.ok(
        performance.now() < until,
        `${String(text)} was not said within ${SAYS_TIMEOUT_MS} ms, but: ${this.said}`,
      );
      await wait(20);
    }
  }
}
