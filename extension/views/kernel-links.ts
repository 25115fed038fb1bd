/** Debugging links to kernels that the folder's launch configurations name. */
import * as vscode from 'vscode';
import * as v from 'valibot';
import type { KernelLink } from './target-facts.js';

const configuration = v.object({
  type: v.literal('eventscope'),
  name: v.string(),
  kd: v.object({ connect: v.string() }),
});

/** Of launch.json and of every other place that VS Code takes launch configurations from. The key of a KDNET link stays where it is. */
export function kernelLinksOf(folder: vscode.Uri | undefined): KernelLink[] {
  const all: unknown = vscode.workspace.getConfiguration('launch', folder ?? null).get('configurations');
  if (!Array.isArray(all)) return [];
  return all.flatMap((given): KernelLink[] => {
    const parsed = v.safeParse(configuration, given);
    if (!parsed.success) return [];
    const { name, kd } = parsed.output;
    return [{ name, connect: kd.connect.replace(/,?key=[^,]*/, '') }];
  });
}
