/** Files that are dropped on the page. */
import { MAX_RECORDING_BYTES } from '../protocol/webview.js';
import { inWords } from './opening.js';

/** `refused`: which file cannot be read and why, in words. */
export function takeDroppedFiles(open: (file: File) => Promise<void>, refused: (problem: string) => void): void {
  const dropping = (on: boolean): boolean => document.body.classList.toggle('dropping', on);
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    dropping(true);
  });
  document.addEventListener('dragleave', () => dropping(false));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    dropping(false);
    for (const file of event.dataTransfer?.files ?? []) {
      opened(file, open).catch((error: unknown) => refused(`${file.name} cannot be read: ${inWords(error)}`));
    }
  });
}

async function opened(file: File, open: (file: File) => Promise<void>): Promise<void> {
  if (file.size > MAX_RECORDING_BYTES) throw new Error(`it has ${file.size} bytes, more than ${MAX_RECORDING_BYTES}`);
  await open(file);
}
