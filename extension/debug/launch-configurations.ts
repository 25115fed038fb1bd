/** The launch configurations that are offered, and what one is when its fields are not given. */
import { DEBUG_TYPE } from '../../debug-adapter/session/configuration.js';
import type { Project } from '../../target/project.js';

/** As launch.json holds it. */
export interface LaunchJson {
  readonly type: string;
  readonly request: string;
  readonly name: string;
  readonly [field: string]: unknown;
}

/**
 * What the sample's application is told to do when nobody says: the driver's timer DPC signals an event of the application's twenty
 * times, 250 ms apart. Its waits are long: time goes on while a person looks at a stop.
 */
const SAMPLE_APPLICATION = 'eventapp';
const SAMPLE_ARGUMENTS = 'app-name --name SharedEvent --count 20 --period 250 --timeout 600000'.split(' ');

/** @param lastArguments what "Run Application" was last given in this folder; empty when it was not used */
export function launchConfiguration(project: Project, lastArguments: readonly string[]): LaunchJson {
  const { driver, application } = project;
  const usual = application.name === SAMPLE_APPLICATION ? SAMPLE_ARGUMENTS : [];
  return {
    type: DEBUG_TYPE,
    request: 'launch',
    name: `Debug ${application.name} and ${driver.name}`,
    application: { arguments: [...(lastArguments.length > 0 ? lastArguments : usual)] },
  };
}

/** For a new launch.json, and for the list of what can be started without one. */
export function offeredConfigurations(project: Project, lastArguments: readonly string[]): LaunchJson[] {
  const { driver, application } = project;
  return [
    launchConfiguration(project, lastArguments),
    {
      type: DEBUG_TYPE,
      request: 'launch',
      name: `Debug ${driver.name} from DriverEntry`,
      application: false,
      stopAtDriverEntry: true,
    },
    { type: DEBUG_TYPE, request: 'attach', name: `Attach to ${application.name} and ${driver.name}` },
  ];
}

/**
 * The fields that the extension knows and the adapter is told: the folder, and the target that is chosen in the side bar.
 * @param isProject whether the folder is one, be it with mistakes; a kernel is debugged from any folder
 */
export function withDefaults(
  given: LaunchJson,
  folder: string,
  isProject: boolean,
  target: string | undefined,
): LaunchJson {
  const project = given['project'] ?? (isProject || given['kd'] === undefined ? folder : undefined);
  return {
    ...given,
    ...(project === undefined ? {} : { project }),
    ...(given['target'] === undefined && target !== undefined ? { target } : {}),
  };
}
