/**
 * What one command works with: the terminal, the way to cancel, and the project, target and agent that its options name.
 */
import type { AgentClient } from '../target/agent-client.js';
import { build, type BuildResult } from '../target/build.js';
import { loadProject, type Project } from '../target/project.js';
import type { Operation, Target } from '../target/target.js';
import { openTarget } from '../target/targets.js';
import { describeDiagnostics } from './failure.js';
import type { Terminal } from './terminal.js';

export interface CommonOptions {
  readonly json?: boolean;
  readonly target?: string;
  /** Folder of the project; default: where the command was started. */
  readonly workspace?: string;
}

export interface Connected {
  readonly project: Project;
  readonly target: Target;
  readonly client: AgentClient;
}

export class Session {
  readonly operation: Operation;
  readonly #options: CommonOptions;

  constructor(
    readonly terminal: Terminal,
    signal: AbortSignal,
    options: CommonOptions,
  ) {
    this.#options = options;
    this.operation = { signal, progress: (message) => terminal.progress(message) };
  }

  get json(): boolean {
    return this.#options.json === true;
  }

  project(): Promise<Project> {
    return loadProject(this.#options.workspace ?? process.cwd());
  }

  /** The target that --target names, or the project's first. It is not started. */
  target(project: Project): Promise<Target> {
    return openTarget(project, this.#options.target);
  }

  /**
   * Starts the target, connects an agent of our own, and ends that agent whatever comes of the work.
   */
  async connected<T>(work: (connected: Connected) => Promise<T>): Promise<T> {
    const project = await this.project();
    const target = await this.target(project);
    await target.start(this.operation);
    const client = await target.connect(this.operation);
    try {
      return await work({ project, target, client });
    } finally {
      await client.close();
    }
  }

  /**
   * The same with the project's binaries, which are built meanwhile: making a prefix or starting an agent takes as long.
   * The compiler's warnings are printed.
   */
  async connectedWithBuild<T>(work: (connected: Connected, built: BuildResult) => Promise<T>): Promise<T> {
    const building = build(await this.project(), this.operation);
    // Whoever fails first, the other is waited for: nothing goes on behind the command's end.
    const [built, result] = await Promise.allSettled([
      building,
      this.connected(async (connected) => {
        const done = await building;
        for (const line of describeDiagnostics(done.diagnostics)) this.terminal.note(line);
        return work(connected, done);
      }),
    ]);
    if (built.status === 'rejected') throw built.reason;
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  }

  /** Prints a result in the form asked for. */
  print(value: unknown, text: () => string): void {
    if (this.json) this.terminal.json(value);
    else this.terminal.result(text());
  }
}
