/** The parts of driver/include/eventscope_trace.h that the agent reads and writes: sizes and offsets in bytes. */

export const ES_TRACE_MAGIC = 0x31525345;
export const ES_TRACE_VERSION = 1;
export const ES_TRACE_SLOT_BYTES = 64;
export const ES_TRACE_MAX_SLOTS = 12;

export const ES_TRACE_RECORD = { size: 64, slots: 58, sequence: 60 } as const;
export const ES_TRACE_RING = { size: 192, head: 0, lost: 8, tail: 64, slotsOffset: 128, capacity: 136 } as const;
export const ES_TRACE_AREA = {
  size: 64,
  magic: 0,
  version: 4,
  areaBytesHigh: 8,
  areaBytes: 12,
  ringCount: 16,
  slotBytes: 20,
  enabled: 24,
  process: 28,
  unringedLost: 32,
} as const;
export const ES_TRACE_STATE = { size: 40, version: 0, ringCount: 8, slotsPerRing: 12, lost: 32 } as const;
export const ES_TRACE_DRAIN_HEADER = {
  size: 32,
  version: 0,
  ring: 4,
  slotCount: 8,
  more: 12,
  firstSlot: 16,
  lost: 24,
} as const;
export const ES_TRACE_START_INPUT = { size: 8, version: 0, slotsPerRing: 4 } as const;

const control = (code: number, access: number): number => (0x22 << 16) | (access << 14) | (code << 2);
export const ES_TRACE_IOCTL_QUERY = control(0xea0, 1);
export const ES_TRACE_IOCTL_START = control(0xea1, 3);
export const ES_TRACE_IOCTL_STOP = control(0xea2, 3);
export const ES_TRACE_IOCTL_DRAIN = control(0xea3, 3);
