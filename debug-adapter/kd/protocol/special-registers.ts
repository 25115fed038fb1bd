/** KSPECIAL_REGISTERS of x64: control and debug registers of one processor. 216 to 240 bytes; what is behind them is kept as it was read. */

/** As much as any known target has; it answers with as much as it has. */
export const SPECIAL_REGISTERS_BYTES = 0xf0;
const LEAST_BYTES = 0xa8;

export interface SpecialRegisters {
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  /** Interrupt request level. */
  readonly cr8: bigint;
  readonly debugAddresses: readonly [bigint, bigint, bigint, bigint];
  readonly dr6: bigint;
  readonly dr7: bigint;
  readonly gsBase: bigint | undefined;
  readonly gsSwap: bigint | undefined;
}

/** Undefined when the target gave less than every version has. */
export function decodeSpecialRegisters(bytes: Uint8Array): SpecialRegisters | undefined {
  if (bytes.length < LEAST_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u64 = (at: number): bigint => view.getBigUint64(at, true);
  return {
    cr0: u64(0),
    cr3: u64(0x10),
    cr4: u64(0x18),
    cr8: u64(0xa0),
    debugAddresses: [u64(0x20), u64(0x28), u64(0x30), u64(0x38)],
    dr6: u64(0x40),
    dr7: u64(0x48),
    gsBase: bytes.length >= 0xb0 ? u64(0xa8) : undefined,
    gsSwap: bytes.length >= 0xb8 ? u64(0xb0) : undefined,
  };
}

/** The whole block as it was read, with other debug registers. */
export function withDebugRegisters(
  block: Uint8Array,
  addresses: readonly [bigint, bigint, bigint, bigint],
  dr7: bigint,
): Uint8Array {
  const bytes = block.slice();
  const view = new DataView(bytes.buffer);
  addresses.forEach((address, index) => view.setBigUint64(0x20 + 8 * index, address, true));
  view.setBigUint64(0x40, 0n, true);
  view.setBigUint64(0x48, dr7, true);
  return bytes;
}
