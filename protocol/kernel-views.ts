/**
 * What a debug session tells of a stopped kernel for the views: custom requests of DAP, answered out of kernel memory. All are plain JSON;
 * addresses are hexadecimal texts (`0x...`). They fail with `debug.running` while the machine runs, and are cancelled when it goes on.
 */
import * as v from 'valibot';

const text = v.string();
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

export const KernelViewRequest = {
  /** Arguments {@link directoryArguments}, body {@link directoryBody}. */
  directory: 'eventscope/kernelDirectory',
  /** Arguments {@link kernelObjectsArguments}, body {@link kernelObjectsBody}. */
  objects: 'eventscope/kernelObjects',
  /** Arguments {@link driverObjectArguments}, body {@link driverObjectBody}. */
  driver: 'eventscope/driverObject',
} as const;

export const directoryArguments = v.object({ path: text });
export const directoryBody = v.object({ entries: v.array(v.object({ name: text, typeName: text })) });

export const kernelObjectsArguments = v.object({
  paths: v.pipe(v.array(text), v.maxLength(4_096)),
});

export const kernelObjectState = v.variant('type', [
  v.object({ type: v.literal('Event'), kind: v.picklist(['notification', 'synchronization']), signaled: v.boolean() }),
  v.object({ type: v.literal('Semaphore'), count: v.number(), maximum: v.number() }),
  v.object({
    type: v.literal('Mutant'),
    /** 1 = free, 0 or less = held. */
    count: v.number(),
    abandoned: v.boolean(),
    owner: v.optional(v.object({ process: count, thread: count })),
  }),
  v.object({ type: v.literal('Timer'), signaled: v.boolean() }),
]);

export const kernelObject = v.object({
  typeName: text,
  address: text,
  handleCount: count,
  pointerCount: count,
  state: v.optional(kernelObjectState),
  /** In the order in which they will be satisfied: "thread 12 of process 1204, UserRequest". */
  waiters: v.array(text),
  linkTarget: v.optional(text),
});
export type KernelObject = v.InferOutput<typeof kernelObject>;
/** One answer each; null: there is none at that path. */
export const kernelObjectsBody = v.object({ objects: v.array(v.nullable(kernelObject)) });

/** name: of the driver's service, such as `eventsys`. */
export const driverObjectArguments = v.object({ name: text });
const codeAddress = v.object({
  address: text,
  /** "eventsys!EsDispatch+0x10", or a module and an offset; undefined: it is in no module. */
  symbol: v.optional(text),
});
export const driverObject = v.object({
  address: text,
  /** Such as `\Driver\eventsys`. */
  name: text,
  imageBase: text,
  imageBytes: count,
  entry: codeAddress,
  unload: v.optional(codeAddress),
  /** By IRP_MJ_*. */
  majorFunctions: v.array(codeAddress),
  devices: v.array(
    v.object({
      address: text,
      /** Object manager path; undefined: it has none. */
      name: v.optional(text),
      deviceType: count,
      flags: count,
      /** The device on top of it in its stack. */
      attached: v.optional(text),
    }),
  ),
});
export type DriverObject = v.InferOutput<typeof driverObject>;
/** Undefined: no driver of that name is loaded. */
export const driverObjectBody = v.object({ driver: v.optional(driverObject) });
