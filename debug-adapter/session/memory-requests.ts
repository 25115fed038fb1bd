/** Requests over raw memory and code: readMemory, writeMemory, disassemble. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { parseReference } from './addresses.js';
import * as args from './arguments.js';
import type { DapServer } from './dap-server.js';
import { dapInstruction, disassemble } from './disassembly.js';
import { hexAddress } from '../variables/value.js';
import type { SessionState } from './session-state.js';

export function registerMemoryRequests(server: DapServer, state: SessionState): void {
  server.on(
    'readMemory',
    async (given, { signal }) => {
      const { memoryReference, offset, count } = args.checked(args.readMemoryArguments, given);
      const { engine, space, address } = parseReference(state.engines, memoryReference, state.focus, offset);
      if (count === 0) return { address: hexAddress(address) };
      // Past the cache: a memory view may look while the target runs.
      const [data] = await engine.readMemory(space, [{ address, length: count }], { signal });
      const read = data?.length ?? 0;
      return {
        address: hexAddress(address),
        ...(read < count ? { unreadableBytes: count - read } : {}),
        ...(data === undefined ? {} : { data: Buffer.from(data).toString('base64') }),
      };
    },
    { quiet: true },
  );
  server.on('writeMemory', async (given, { signal }) => {
    const { memoryReference, offset, data } = args.checked(args.writeMemoryArguments, given);
    const { engine, space, address } = parseReference(state.engines, memoryReference, state.focus, offset);
    const bytes = new Uint8Array(Buffer.from(data, 'base64'));
    await engine.writeMemory(space, address, bytes, { signal });
    state.inspector.changed();
    server.event('memory', { memoryReference, offset, count: bytes.length });
    server.event('invalidated', { areas: ['variables', 'stacks'] });
    return { bytesWritten: bytes.length };
  });
  server.on('disassemble', (given, { signal }) => disassembleRequest(state, given, signal), {
    inspects: true,
    quiet: true,
  });
}

async function disassembleRequest(
  state: SessionState,
  given: unknown,
  signal: AbortSignal,
): Promise<DebugProtocol.DisassembleResponse['body']> {
  const request = args.checked(args.disassembleArguments, given);
  const { engine, space, address } = parseReference(
    state.engines,
    request.memoryReference,
    state.focus,
    request.offset,
  );
  const memory = state.inspector.memory(engine).access(space, signal);
  const functionBegin = async (at: bigint): Promise<bigint | undefined> => {
    const found = state.inventory.moduleAt(engine, space, at);
    if (found === undefined) return undefined;
    const symbol = await found.symbols.functionAt(Number(at - found.module.base));
    return symbol === undefined ? undefined : found.module.base + BigInt(symbol.rva);
  };
  const { instructionOffset, instructionCount: count } = request;
  const decoded = await disassemble({ address, instructionOffset, count }, memory, functionBegin);
  const instructions: DebugProtocol.DisassembledInstruction[] = [];
  let lastPlace = '';
  for (const instruction of decoded) {
    const module = state.inventory.moduleAt(engine, space, instruction.address);
    const rva = module === undefined ? 0 : Number(instruction.address - module.module.base);
    const symbol = await module?.symbols.functionAt(rva);
    const target =
      instruction.target === undefined ? undefined : await state.inventory.symbolize(engine, space, instruction.target);
    const line = (await module?.symbols.framesAt(rva))?.[0]?.source;
    const place = line === undefined ? '' : `${line.file}:${line.line}`;
    instructions.push({
      ...dapInstruction(instruction, symbol?.rva === rva ? symbol.name : undefined, target),
      // DAP: a location is told where it changes.
      ...(line === undefined || module === undefined || place === lastPlace
        ? {}
        : { location: state.source(line.file, module, rva), line: line.line }),
    });
    if (place !== '') lastPlace = place;
  }
  return { instructions };
}
