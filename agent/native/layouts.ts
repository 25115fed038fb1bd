/**
 * Layouts of the Windows structures that the agent reads and writes, for x64: sizes and offsets in bytes. The one place for
 * them; test/native/agent-layouts.test.ts compares those that the SDK's headers declare with the compiler's own.
 */

export const UNICODE_STRING = { size: 16, Length: 0, MaximumLength: 2, Buffer: 8 } as const;

export const OBJECT_ATTRIBUTES = {
  size: 48,
  Length: 0,
  RootDirectory: 8,
  ObjectName: 16,
  Attributes: 24,
  SecurityDescriptor: 32,
  SecurityQualityOfService: 40,
} as const;

export const IO_STATUS_BLOCK = { size: 16, Status: 0, Information: 8 } as const;

/** One record of NtQueryDirectoryObject: name and type name. */
export const OBJECT_DIRECTORY_INFORMATION = { size: 32, Name: 0, TypeName: 16 } as const;

export const EVENT_BASIC_INFORMATION = { size: 8, EventType: 0, EventState: 4 } as const;
export const SEMAPHORE_BASIC_INFORMATION = { size: 8, CurrentCount: 0, MaximumCount: 4 } as const;
export const MUTANT_BASIC_INFORMATION = { size: 8, CurrentCount: 0, OwnedByCaller: 4, AbandonedState: 5 } as const;
/** NtQueryMutant, class 1: a CLIENT_ID. */
export const MUTANT_OWNER_INFORMATION = { size: 16, UniqueProcess: 0, UniqueThread: 8 } as const;
export const TIMER_BASIC_INFORMATION = { size: 16, RemainingTime: 0, TimerState: 8 } as const;

/** NtQueryObject, class 0. */
export const OBJECT_BASIC_INFORMATION = { size: 56, HandleCount: 8, PointerCount: 12 } as const;

/** NtQuerySystemInformation, class 11: head, then entries. */
export const RTL_PROCESS_MODULES = { size: 8, NumberOfModules: 0 } as const;
export const RTL_PROCESS_MODULE_INFORMATION = {
  size: 296,
  ImageBase: 16,
  ImageSize: 24,
  FullPathName: 40,
  pathBytes: 256,
} as const;

/** NtQuerySystemInformation, class 64: head, then entries. */
export const SYSTEM_HANDLE_INFORMATION_EX = { size: 16, NumberOfHandles: 0 } as const;
export const SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX = {
  size: 40,
  UniqueProcessId: 8,
  HandleValue: 16,
  GrantedAccess: 24,
  ObjectTypeIndex: 30,
} as const;

/** NtQuerySystemInformation, class 5: a chain; threads stand behind each head. */
export const SYSTEM_PROCESS_INFORMATION = {
  size: 256,
  NextEntryOffset: 0,
  NumberOfThreads: 4,
  ImageName: 56,
  UniqueProcessId: 80,
  InheritedFromUniqueProcessId: 88,
  HandleCount: 96,
  SessionId: 100,
} as const;

/** Self-relative. */
export const SECURITY_DESCRIPTOR_RELATIVE = { size: 20, Control: 2, Owner: 4, Group: 8, Sacl: 12, Dacl: 16 } as const;

export const SERVICE_STATUS_PROCESS = {
  size: 36,
  dwServiceType: 0,
  dwCurrentState: 4,
  dwControlsAccepted: 8,
  dwWin32ExitCode: 12,
  dwServiceSpecificExitCode: 16,
  dwProcessId: 28,
} as const;
export const SERVICE_STATUS = { size: 28, dwCurrentState: 4 } as const;
export const QUERY_SERVICE_CONFIGW = {
  size: 64,
  dwServiceType: 0,
  dwStartType: 4,
  lpBinaryPathName: 16,
  lpLoadOrderGroup: 24,
} as const;
export const ENUM_SERVICE_STATUS_PROCESSW = { size: 56, lpServiceName: 0, ServiceStatusProcess: 16 } as const;

export const JOBOBJECT_EXTENDED_LIMIT_INFORMATION = { size: 144, LimitFlags: 16 } as const;

/** With one privilege: a LUID and its attributes. */
export const TOKEN_PRIVILEGES = { size: 16, PrivilegeCount: 0, Privileges: 4 } as const;

export const RTL_OSVERSIONINFOW = { size: 276, dwMajorVersion: 4, dwMinorVersion: 8, dwBuildNumber: 12 } as const;

/** u: the part that each kind of event has. */
export const DEBUG_EVENT = { size: 176, dwDebugEventCode: 0, dwProcessId: 4, dwThreadId: 8, u: 16 } as const;
export const STARTUPINFOW = { size: 104, cb: 0, dwFlags: 60, hStdInput: 80, hStdOutput: 88, hStdError: 96 } as const;
export const PROCESS_INFORMATION = { size: 24, hProcess: 0, hThread: 8, dwProcessId: 16, dwThreadId: 20 } as const;
