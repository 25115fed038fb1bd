/** Stop codes of a crashed Windows kernel by name (bugcodes.h, Microsoft's "Bug check code reference"), and what their parameters mean. */
const NAMES: Readonly<Record<number, string>> = {
  0x01: 'APC_INDEX_MISMATCH',
  0x0a: 'IRQL_NOT_LESS_OR_EQUAL',
  0x18: 'REFERENCE_BY_POINTER',
  0x19: 'BAD_POOL_HEADER',
  0x1a: 'MEMORY_MANAGEMENT',
  0x1e: 'KMODE_EXCEPTION_NOT_HANDLED',
  0x20: 'KERNEL_APC_PENDING_DURING_EXIT',
  0x24: 'NTFS_FILE_SYSTEM',
  0x3b: 'SYSTEM_SERVICE_EXCEPTION',
  0x3d: 'INTERRUPT_EXCEPTION_NOT_HANDLED',
  0x44: 'MULTIPLE_IRP_COMPLETE_REQUESTS',
  0x4e: 'PFN_LIST_CORRUPT',
  0x50: 'PAGE_FAULT_IN_NONPAGED_AREA',
  0x74: 'BAD_SYSTEM_CONFIG_INFO',
  0x76: 'PROCESS_HAS_LOCKED_PAGES',
  0x77: 'KERNEL_STACK_INPAGE_ERROR',
  0x7a: 'KERNEL_DATA_INPAGE_ERROR',
  0x7b: 'INACCESSIBLE_BOOT_DEVICE',
  0x7e: 'SYSTEM_THREAD_EXCEPTION_NOT_HANDLED',
  0x7f: 'UNEXPECTED_KERNEL_MODE_TRAP',
  0x8e: 'KERNEL_MODE_EXCEPTION_NOT_HANDLED',
  0x9c: 'MACHINE_CHECK_EXCEPTION',
  0x9f: 'DRIVER_POWER_STATE_FAILURE',
  0xa0: 'INTERNAL_POWER_ERROR',
  0xbe: 'ATTEMPTED_WRITE_TO_READONLY_MEMORY',
  0xc1: 'SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION',
  0xc2: 'BAD_POOL_CALLER',
  0xc4: 'DRIVER_VERIFIER_DETECTED_VIOLATION',
  0xc5: 'DRIVER_CORRUPTED_EXPOOL',
  0xc9: 'DRIVER_VERIFIER_IOMANAGER_VIOLATION',
  0xce: 'DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS',
  0xd1: 'DRIVER_IRQL_NOT_LESS_OR_EQUAL',
  0xd5: 'DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL',
  0xde: 'POOL_CORRUPTION_IN_FILE_AREA',
  0xe2: 'MANUALLY_INITIATED_CRASH',
  0xe3: 'RESOURCE_NOT_OWNED',
  0xe6: 'DRIVER_VERIFIER_DMA_VIOLATION',
  0xef: 'CRITICAL_PROCESS_DIED',
  0xf4: 'CRITICAL_OBJECT_TERMINATION',
  0xfc: 'ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY',
  0xfe: 'BUGCODE_USB_DRIVER',
  0x101: 'CLOCK_WATCHDOG_TIMEOUT',
  0x109: 'CRITICAL_STRUCTURE_CORRUPTION',
  0x10d: 'WDF_VIOLATION',
  0x119: 'VIDEO_SCHEDULER_INTERNAL_ERROR',
  0x124: 'WHEA_UNCORRECTABLE_ERROR',
  0x133: 'DPC_WATCHDOG_VIOLATION',
  0x139: 'KERNEL_SECURITY_CHECK_FAILURE',
  0x13a: 'KERNEL_MODE_HEAP_CORRUPTION',
  0x154: 'UNEXPECTED_STORE_EXCEPTION',
};

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function access(value: bigint | undefined): string {
  if (value === 0n) return 'read';
  if (value === 8n || value === 0x10n) return 'executed';
  return 'written';
}

/** "0xd1 DRIVER_IRQL_NOT_LESS_OR_EQUAL: 0x10 was read at IRQL 2 by the code at 0x..."; the parameters as they are where nothing better is known. */
export function describeBugcheck(code: number, parameters: readonly bigint[]): string {
  const name = NAMES[code];
  const title = `${hex(BigInt(code))}${name === undefined ? '' : ` ${name}`}`;
  const words = parameters.length < 4 ? undefined : meaning(code, parameters);
  const rest = words ?? parameters.map(hex).join(', ');
  return rest === '' ? title : `${title}: ${rest}`;
}

function meaning(code: number, parameters: readonly bigint[]): string | undefined {
  const [first = 0n, second = 0n, third = 0n, fourth = 0n] = parameters;
  switch (code) {
    case 0x0a:
    case 0xd1:
      return `${hex(first)} was ${access(third)} at IRQL ${second} by the code at ${hex(fourth)}`;
    case 0x50:
      return `${hex(first)} was ${access(second)} by the code at ${hex(third)}`;
    case 0xbe:
      return `${hex(first)} is read-only and was written`;
    case 0x1e:
    case 0x3b:
    case 0x7e:
    case 0x8e:
      return `exception ${hex(BigInt.asUintN(32, first))} at ${hex(second)}`;
    default:
      return undefined;
  }
}
