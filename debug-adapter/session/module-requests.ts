/** Requests about what is loaded: modules, their sources, and sources that are not on this machine. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import * as args from './arguments.js';
import type { DapServer } from './dap-server.js';
import { decode } from './disassembly.js';
import { dapModule, symbolStatus } from './inventory.js';
import { staleError } from './protocol-error.js';
import type { MissingSource, SessionState } from './session-state.js';

const MAX_FUNCTION_BYTES = 64 * 1024;

export function registerModuleRequests(server: DapServer, state: SessionState): void {
  server.on('modules', async (given) => {
    await Promise.resolve();
    const { startModule, moduleCount } = args.checked(args.modulesArguments, given);
    const all = state.inventory.modules();
    const end = moduleCount === 0 ? all.length : startModule + moduleCount;
    return { modules: all.slice(startModule, end).map(dapModule), totalModules: all.length };
  });
  server.on('loadedSources', async () => {
    const sources = new Map<string, DebugProtocol.Source>();
    for (const { symbols } of state.inventory.modules()) {
      if (symbols.source !== 'pdb') continue;
      for (const file of await symbols.sourceFiles()) {
        const path = state.paths.toHost(file);
        if (path !== undefined) sources.set(path, { name: path.replace(/^.*[\\/]/, ''), path });
      }
    }
    return { sources: [...sources.values()] };
  });
  server.on('source', async (given, { signal }) => {
    const { sourceReference } = args.checked(args.sourceArguments, given);
    const missing = state.missingSources.get(sourceReference);
    if (missing === undefined) throw staleError();
    return { content: await insteadOfSource(state, missing, signal), mimeType: 'text/x-asm' };
  });
}

/** What is said in place of a file that is not here: where it was looked for, and the code itself. */
async function insteadOfSource(
  state: SessionState,
  { file, module, rva }: MissingSource,
  signal: AbortSignal,
): Promise<string> {
  const lines = [
    `; ${file}`,
    `; of ${module.module.name} (${symbolStatus(module.symbols)}) is not on this machine. Looked for at:`,
    ...state.paths.candidates(file).map((candidate) => `;   ${candidate}`),
    '; Map its folder to one of yours with "sourceMap" in launch.json.',
    '',
  ];
  const symbol = await module.symbols.functionAt(rva);
  if (symbol === undefined) return lines.join('\n');
  const begin = module.module.base + BigInt(symbol.rva);
  const memory = state.inspector.memory(module.engine).access(module.module.space, signal);
  const code = await memory.read(begin, Math.min(symbol.size, MAX_FUNCTION_BYTES));
  lines.push(`${symbol.name}:`);
  for (const { address, text } of decode(code, begin, code.length)) lines.push(`  ${address.toString(16)}  ${text}`);
  return lines.join('\n');
}
