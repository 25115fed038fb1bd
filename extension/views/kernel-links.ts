/** Debugging links to kernels: those that the folder's launch configurations name, and those that are in use. */
import * as vscode from 'vscode';
import * as v from 'valibot';
import type { KernelSession } from './services.js';
import type { KernelLink } from './target-facts.js';

const configuration = v.object({
  type: v.literal('eventscope'),
  name: v.string(),
  kd: v.object({ connect: v.string() }),
});

/** Of launch.json and of every other place that VS Code takes launch configurations from. The key of a KDNET link stays where it is. */
export function kernelLinksOf(folder: vscode.Uri | undefined, sessions: readonly KernelSession[]): KernelLink[] {
  const all: unknown = vscode.workspace.getConfiguration('launch', folder ?? null).get('configurations');
  const given = (Array.isArray(all) ? all : []).flatMap((candidate: unknown) => {
    const parsed = v.safeParse(configuration, candidate);
    return parsed.success ? [{ name: parsed.output.name, connect: parsed.output.kd.connect }] : [];
  });
  const unused = given.filter(({ name }) => !sessions.some((session) => session.name === name));
  return [...sessions, ...unused].map((link) => ({ ...link, connect: link.connect.replace(/,?key=[^,]*/, '') }));
}
