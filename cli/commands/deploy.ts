import { deploy, type DeployResult, undeploy } from '../../target/deploy.js';
import { ExitCode } from '../exit-code.js';
import type { Session } from '../session.js';

function describe(result: DeployResult): string {
  const copied = result.uploaded.length === 0 ? 'The target had every file.' : `Copied: ${result.uploaded.join(', ')}`;
  const { name, state, processId } = result.service;
  return `${copied}\nService ${name} is ${state} in process ${processId}${result.replaced ? ' (replaced)' : ''}.`;
}

/** `eventscope deploy`: builds first what has changed. */
export async function deployCommand(session: Session): Promise<ExitCode> {
  const result = await session.connectedWithBuild(({ project, target, client }, built) =>
    deploy(target, client, project, built, session.operation),
  );
  session.print(result, () => describe(result));
  return ExitCode.Done;
}

/** `eventscope undeploy` */
export async function undeployCommand(session: Session): Promise<ExitCode> {
  const name = await session.connected(async ({ project, target, client }) => {
    await undeploy(target, client, project, session.operation);
    return { target: target.name, service: project.driver.service };
  });
  session.print({ undeployed: name }, () => `Nothing of ${name.service} is left on ${name.target}.`);
  return ExitCode.Done;
}
