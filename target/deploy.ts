/**
 * Bringing driver and application to a target, and taking them away again.
 */
import type { ServiceStatus } from '../protocol/agent-rpc.js';
import { EventscopeError } from '../protocol/errors.js';
import type { AgentClient } from './agent-client.js';
import type { BuildResult } from './build.js';
import type { Project } from './project.js';
import type { Operation, Target } from './target.js';

export interface DeployResult {
  /** Windows paths of the files that were copied; empty when the target had them all. */
  readonly uploaded: readonly string[];
  /** A driver was running before and was replaced or started anew. */
  readonly replaced: boolean;
  /** The driver's service, running. */
  readonly service: ServiceStatus;
}

/** Where a project's files are on a target: Windows paths. */
export function deployedPaths(
  target: Target,
  project: Project,
): { readonly driver: string; readonly application: string } {
  return {
    driver: `${target.folder}\\bin\\${project.driver.name}.sys`,
    application: `${target.folder}\\bin\\${project.application.name}.exe`,
  };
}

/**
 * Copies what changed, makes the service, starts it and follows it to running. When anything fails or is cancelled the
 * target is put back: the driver that ran before runs again, or nothing of ours is left.
 */
// eslint-disable-next-line @typescript-eslint/require-await
export async function deploy(
  _target: Target,
  _client: AgentClient,
  _project: Project,
  _build: BuildResult,
  _operation: Operation,
): Promise<DeployResult> {
  throw new EventscopeError({ id: 'deploy.unfinished', what: 'Deploying is not there yet' });
}

/** Stops and deletes the service and removes the files. Says nothing when there is nothing. */
// eslint-disable-next-line @typescript-eslint/require-await
export async function undeploy(
  _target: Target,
  _client: AgentClient,
  _project: Project,
  _operation: Operation,
): Promise<void> {
  throw new EventscopeError({ id: 'deploy.unfinished', what: 'Undeploying is not there yet' });
}
