/** The stand-alone HTML timeline of a recording. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../protocol/errors.js';
import { installationFolder } from '../target/installation.js';
import type { TraceModel } from '../trace/model/model.js';
import { renderStandalone } from '../webview/standalone.js';

/** @throws EventscopeError `installation.incomplete` */
export async function standalonePage(model: TraceModel): Promise<string> {
  const folder = await installationFolder();
  const file = path.join(folder, 'dist', 'webview.js');
  try {
    return renderStandalone(model, await readFile(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new EventscopeError({
      id: 'installation.incomplete',
      what: "The timeline's bundle is not there",
      why: `there is no ${file}`,
      next: `Run in ${folder}: npm run build`,
      cause: error,
    });
  }
}
