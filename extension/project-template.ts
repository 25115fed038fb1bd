/** A new project: the sample driver and application, written into an empty folder. They build as they are. */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../protocol/errors.js';

/** Of the sample in the installation: what a project is made of. */
const PARTS = ['include', 'sys', 'app'];
/** Folders that an editor or a version control may have made; they do not make a folder someone's work. */
const IGNORED = new Set(['.git', '.vscode', '.eventscope', '.gitignore']);

/** Whether a new project may be written there. A folder that does not exist yet is empty. */
export async function isEmptyFolder(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).every((name) => IGNORED.has(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
}

/**
 * Writes the sample whole or not at all.
 * @param installation folder that has driver/
 * @throws EventscopeError `project.notEmpty`, `project.write`
 */
export async function writeSampleProject(installation: string, folder: string): Promise<void> {
  const beside = path.join(folder, `.driver-${randomBytes(4).toString('hex')}`);
  try {
    if (!(await isEmptyFolder(folder))) {
      throw new EventscopeError({
        id: 'project.notEmpty',
        what: 'No project was written',
        why: `${folder} is not empty`,
        next: 'Choose an empty folder.',
      });
    }
    await mkdir(beside, { recursive: true });
    for (const part of PARTS) {
      await cp(path.join(installation, 'driver', part), path.join(beside, part), { recursive: true });
    }
    await writeFile(path.join(folder, '.gitignore'), '.eventscope/\n', { flag: 'wx' }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
    await rename(beside, path.join(folder, 'driver'));
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    if (error instanceof EventscopeError) throw error;
    throw new EventscopeError({
      id: 'project.write',
      what: `The project could not be written into ${folder}`,
      why: (error as Error).message,
      next: 'Choose a folder that can be written to.',
      cause: error,
    });
  }
}
