/** DBGKD_GET_VERSION64. */
export interface KdVersion {
  readonly majorVersion: number;
  /** Windows' build number; 3790 for ReactOS. */
  readonly buildNumber: number;
  readonly checkedBuild: boolean;
  readonly protocolVersion: number;
  readonly secondaryVersion: number;
  readonly flags: number;
  readonly machineType: number;
  readonly maxPacketType: number;
  readonly maxStateChange: number;
  readonly maxManipulate: number;
  readonly kernelBase: bigint;
  /** Address of the list head. */
  readonly loadedModuleList: bigint;
  /** Address of a list head whose first entry is KDDEBUGGER_DATA64; 0 when there is none. */
  readonly debuggerDataList: bigint;
}

export const MACHINE_AMD64 = 0x8664;
const FLAG_DATA = 2;

/** The reply's header; offsets from its first byte. */
export function decodeVersion(header: DataView): KdVersion {
  const majorVersion = header.getUint16(16, true);
  const flags = header.getUint16(22, true);
  return {
    majorVersion,
    buildNumber: header.getUint16(18, true),
    checkedBuild: (majorVersion & 0xff) === 0x0c,
    protocolVersion: header.getUint8(20),
    secondaryVersion: header.getUint8(21),
    flags,
    machineType: header.getUint16(24, true),
    maxPacketType: header.getUint8(26),
    maxStateChange: header.getUint8(27),
    maxManipulate: header.getUint8(28),
    kernelBase: header.getBigUint64(32, true),
    loadedModuleList: header.getBigUint64(40, true),
    debuggerDataList: (flags & FLAG_DATA) === 0 ? 0n : header.getBigUint64(48, true),
  };
}

export function machineName(machineType: number): string {
  switch (machineType) {
    case MACHINE_AMD64:
      return 'x64';
    case 0xaa64:
      return 'ARM64';
    case 0x014c:
      return 'x86';
    default:
      return `machine 0x${machineType.toString(16)}`;
  }
}
