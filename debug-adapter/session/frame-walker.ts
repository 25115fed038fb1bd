/** Stacks by the unwind data that is in the images themselves, read from the target's memory. */
import { PeImage } from '../../machine/pe/pe-image.js';
import { registersOfContext, type FrameRegisters } from '../../machine/unwind/registers.js';
import { walkStack } from '../../machine/unwind/stack-walk.js';
import type { UnwindModule } from '../../machine/unwind/unwind.js';
import { GENERAL_REGISTERS, X64Context } from '../../machine/x64-context.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { EngineModule, SpaceId } from '../engine.js';
import type { MemoryAccess } from '../variables/value.js';
import type { CallerFrame, StackUnwinder } from './debuggee.js';

const PAGE = 4_096n;
/** Over the recorder's own size. */
const UNLISTED_PAGES = 8n;

export class FrameWalker implements StackUnwinder {
  /** For as long as the module is loaded: another image may come to the same place. */
  readonly #images = new WeakMap<EngineModule, Promise<PeImage | undefined>>();

  async callers(
    _space: SpaceId,
    registers: X64Context,
    modules: readonly EngineModule[],
    memory: MemoryAccess,
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly CallerFrame[]> {
    const { frames } = await walkStack(registersOfContext(registers.bytes), {
      moduleAt: (address) => this.#moduleAt(address, modules, memory),
      memory,
      limit: limit + 1,
      signal,
    });
    return frames.slice(1).map((frame) => ({ context: contextOf(frame.registers), isExact: frame.isExact }));
  }

  async #moduleAt(
    address: bigint,
    modules: readonly EngineModule[],
    memory: MemoryAccess,
  ): Promise<UnwindModule | undefined> {
    const module = modules.find(({ base, size }) => address >= base && address < base + BigInt(size));
    if (module === undefined) return unlistedImage(address, memory);
    const image = await this.#image(module, memory);
    return image === undefined ? undefined : { base: module.base, image };
  }

  #image(module: EngineModule, memory: MemoryAccess): Promise<PeImage | undefined> {
    const { base } = module;
    let image = this.#images.get(module);
    if (image === undefined) {
      const source = { read: (offset: number, length: number) => memory.read(base + BigInt(offset), length) };
      image = PeImage.open(source, 'memory').catch((error: unknown) => {
        this.#images.delete(module);
        // An image whose headers cannot be read has no unwind data: the walk ends there.
        if (error instanceof EventscopeError) return undefined;
        throw error;
      });
      this.#images.set(module, image);
    }
    return image;
  }
}

/** Of an image without a place in the list of modules, such as the recorder of import tracepoints, which is called between two that have. */
async function unlistedImage(address: bigint, memory: MemoryAccess): Promise<UnwindModule | undefined> {
  const page = address & ~(PAGE - 1n);
  for (let base = page; base > 0n && base > page - UNLISTED_PAGES * PAGE; base -= PAGE) {
    const head = await memory.read(base, 2);
    if (head.length !== 2) return undefined;
    if (head[0] !== 0x4d || head[1] !== 0x5a) continue;
    const source = { read: (offset: number, length: number) => memory.read(base + BigInt(offset), length) };
    const image = await PeImage.open(source, 'memory').catch((error: unknown) => {
      if (!(error instanceof EventscopeError)) throw error;
      return undefined;
    });
    const isWithin = image !== undefined && address < base + BigInt(image.headers.sizeOfImage);
    return isWithin ? { base, image } : undefined;
  }
  return undefined;
}

/** What is not known in a caller stays zero: the display leaves out what a call does not preserve. */
function contextOf(registers: FrameRegisters): X64Context {
  const context = new X64Context();
  GENERAL_REGISTERS.forEach((name, index) => context.setGeneral(index, registers[name] ?? 0n));
  context.rip = registers.rip;
  context.rsp = registers.rsp;
  for (const [index, value] of registers.xmm) context.set(`xmm${index}`, value);
  return context;
}
