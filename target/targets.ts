/**
 * From a target's name in the settings to the target.
 */
import { EventscopeError } from '../protocol/errors.js';
import type { Project, TargetSettings } from './project.js';
import type { Target } from './target.js';

/**
 * @param name default: the first target of the project, which is `wine` unless the settings put another first
 * @throws EventscopeError `target.unknown`
 */
// eslint-disable-next-line @typescript-eslint/require-await
export async function openTarget(project: Project, name?: string): Promise<Target> {
  const settings = findTarget(project, name);
  switch (settings.kind) {
    case 'wine':
      throw new EventscopeError({ id: 'target.unfinished', what: 'The Wine target is not there yet' });
    case 'ssh':
      throw new EventscopeError({ id: 'target.unfinished', what: 'The SSH target is not there yet' });
  }
}

function findTarget(project: Project, name: string | undefined): TargetSettings {
  const settings = name === undefined ? project.targets[0] : project.targets.find((target) => target.name === name);
  if (settings !== undefined) return settings;
  throw new EventscopeError({
    id: 'target.unknown',
    what: `There is no target named ${name ?? 'wine'}`,
    next: `Known targets: ${project.targets.map((target) => target.name).join(', ')}.`,
  });
}
