/**
 * A target: where the driver runs. `wine` and `ssh` implement this one interface, and one integration suite runs on both.
 */
import type { AgentClient } from './agent-client.js';

/** Every operation that a person may wait for: what it is doing now, and a way to stop it. */
export interface Operation {
  readonly signal: AbortSignal;
  /** One short line in the present: "Copying eventsys.sys to the target". */
  progress(message: string): void;
}

export interface TargetHealth {
  readonly state: 'missing' | 'stopped' | 'running' | 'broken';
  /** One sentence for the user. */
  readonly detail: string;
}

/** One line of the kernel's debug output. */
export interface DbgPrintLine {
  /** Host's wall clock at arrival (wine) or the target's (ssh), ms since 1970. */
  readonly utcMs: number;
  readonly text: string;
}

export interface DbgPrintStream {
  /** Lines from now on; ends when the signal aborts or the target goes. */
  readonly lines: AsyncIterable<DbgPrintLine>;
  stop(): Promise<void>;
}

export interface Target {
  readonly name: string;
  readonly kind: 'wine' | 'ssh';
  /** Windows path of the folder on the target that holds what is deployed, such as C:\eventscope. */
  readonly folder: string;
  /** Makes it ready: creates the prefix or reaches the machine. Idempotent. */
  start(operation: Operation): Promise<void>;
  health(operation: Operation): Promise<TargetHealth>;
  /** Ends what runs there that is ours; the prefix or machine stays. */
  stop(operation: Operation): Promise<void>;
  /** Back to the state before the first use: the prefix is removed, or our folder and services on the machine are. */
  reset(operation: Operation): Promise<void>;
  /** Starts an agent of our own there and connects to it. One agent per client. */
  connect(operation: Operation): Promise<AgentClient>;
  /** Copies a host file to a Windows path on the target: written beside it first, then renamed. */
  upload(hostPath: string, targetPath: string, operation: Operation): Promise<void>;
  download(targetPath: string, hostPath: string, operation: Operation): Promise<void>;
  /** The kernel's debug output, or why it cannot be had. */
  dbgPrint(client: AgentClient, operation: Operation): Promise<DbgPrintStream>;
}
