/**
 * From a target's name in the settings to the target.
 */
import { EventscopeError } from '../protocol/errors.js';
import type { Project, TargetSettings } from './project.js';
import { openSshTarget } from './ssh/target.js';
import type { Target } from './target.js';
import { openWineTarget } from './wine/wine-target.js';

/**
 * @param name default: the first target of the project, which is `wine` unless the settings put another first
 * @throws EventscopeError `target.unknown`
 */
export async function openTarget(project: Project, name?: string): Promise<Target> {
  const settings = findTarget(project, name);
  switch (settings.kind) {
    case 'wine':
      return openWineTarget(project, settings);
    case 'ssh':
      return openSshTarget(project.folder, settings);
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
