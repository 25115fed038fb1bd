/**
 * What a driver leaves in the object namespace when its host process ends in a fault. On Windows a fault is the machine's end;
 * under Wine the devices go with their host and the permanent symbolic links of \?? stay, and the next DriverEntry that makes
 * the same link fails by STATUS_OBJECT_TYPE_MISMATCH, which a start reports as ERROR_INVALID_HANDLE (seen with Wine 8).
 */
import type { AgentClient } from './agent-client.js';
import { listObjects, queryObjects, type DirectoryEntry, type QueriedObject } from './objects.js';
import type { Operation } from './target.js';

const LINKS = '\\??';
const DEVICES = '\\Device';

/**
 * Paths of links straight to a device that is not there. Links to something below a device are the system's own.
 * @param devices names in \Device
 */
export function staleLinks(links: readonly QueriedObject[], devices: readonly string[]): string[] {
  const known = new Set(devices.map((name) => name.toLowerCase()));
  return links.flatMap((link) => {
    if (!('linkTarget' in link) || typeof link.linkTarget !== 'string') return [];
    const device = /^\\Device\\([^\\]+)$/i.exec(link.linkTarget)?.[1];
    return device === undefined || known.has(device.toLowerCase()) ? [] : [link.path];
  });
}

/**
 * Removes them. A driver makes its device before the link and removes the link before the device, so no live one is harmed.
 * @returns their paths
 */
export async function removeStaleLinks(client: AgentClient, operation: Operation): Promise<string[]> {
  const links = (await listAll(client, LINKS, operation)).filter(({ typeName }) => typeName === 'SymbolicLink');
  const queried = await queryObjects(client, LINKS, links, operation);
  // Asked for after the links: a device that came meanwhile is known.
  const devices = await listAll(client, DEVICES, operation);
  const stale = staleLinks(
    queried,
    devices.map(({ name }) => name),
  );
  for (const path of stale) {
    operation.progress(`Removing ${path}, which a driver left when it faulted`);
    await client.request('object/removeLink', { path }, { signal: operation.signal });
  }
  return stale;
}

async function listAll(client: AgentClient, path: string, operation: Operation): Promise<DirectoryEntry[]> {
  const all: DirectoryEntry[] = [];
  await listObjects(client, path, operation, (entries) => all.push(...entries));
  return all;
}
