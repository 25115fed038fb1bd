/** What the views are given by the extension: they start no target and show no dialog by themselves. */
import type * as vscode from 'vscode';
import type { DriverObject } from '../../protocol/kernel-views.js';
import type { AgentClient } from '../../target/agent-client.js';
import type { Project } from '../../target/project.js';
import type { DbgPrintLine, Target } from '../../target/target.js';

/** A target whose agent answers. */
export interface AgentConnection {
  readonly project: Project;
  readonly target: Target;
  readonly client: AgentClient;
  readonly stoppedKernel?: undefined;
}

/** A machine that is held by a kernel debugger of this window, whose client stands in for the agent. It needs no project to be looked at. */
export interface KernelConnection {
  readonly project: Project | undefined;
  readonly client: AgentClient;
  readonly stoppedKernel: { driver(name: string): Promise<DriverObject | undefined> };
}

export type Connection = AgentConnection | KernelConnection;

/** A debug session of this window over the link of a kernel. */
export interface KernelSession {
  /** Of its launch configuration. */
  readonly name: string;
  readonly connect: string;
  /** waiting: for the kernel to answer. */
  readonly state: 'waiting' | 'running' | 'stopped';
}

export interface ViewServices {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  /** Project of the workspace folder that is chosen; undefined: none, or its settings are wrong (see problem). */
  readonly project: Project | undefined;
  /** The target that is chosen, started or not. */
  readonly target: Target | undefined;
  /** Why there is no project or target, or why the connection was lost; undefined when all is well. */
  readonly problem: Error | undefined;
  /** The agent of this window; undefined until a command has connected, and after the agent has gone. */
  readonly connection: Connection | undefined;
  readonly kernelSessions: readonly KernelSession[];
  /** Project, target, problem, connection or a kernel's session changed, or a command changed the driver (deployed, started, stopped). */
  readonly onDidChangeTarget: vscode.Event<void>;
  /** Starts the target and connects, with progress that can be cancelled; the connection that is there otherwise. */
  connect(): Promise<AgentConnection>;
  /** Whether this window records a trace now. Recordings of others are asked of the target (lock/query). */
  readonly tracing: boolean;
  /** The kernel's debug output of this connection: its newest lines, at most some hundred. */
  readonly dbgPrint: {
    readonly lines: readonly DbgPrintLine[];
    readonly onDidAppend: vscode.Event<void>;
  };
  /** A person did with an object what the walkthrough waits for. */
  reached(milestone: 'objectSignaled'): void;
  /** Tells a failure of what a person asked for: a message with what to do next for errors meant for people, the log for all. */
  showError(error: unknown): void;
}
