/**
 * Codes into words, in one place: `STATUS_OBJECT_NAME_NOT_FOUND (0xC0000034): no object has this name`.
 */
import { NTSTATUS_LINES, WIN32_LINES } from './status-names.js';

/** What the codes that a driver developer meets most mean, in our words. By name: the numbers are in status-names.ts. */
const MEANINGS: Readonly<Record<string, string>> = {
  STATUS_SUCCESS: 'done',
  STATUS_USER_APC: 'the wait ended early to run a user APC: the object was not signaled',
  STATUS_KERNEL_APC: 'a kernel APC ended the wait',
  STATUS_ALERTED: 'the wait ended early because the thread was alerted: the object was not signaled',
  STATUS_TIMEOUT: 'the time ran out before the object was signaled',
  STATUS_PENDING: 'begun, and not finished yet',
  STATUS_MORE_ENTRIES: 'there is more than fitted into the buffer',
  STATUS_OBJECT_NAME_EXISTS: 'an object of this name was there already and was opened',
  STATUS_BUFFER_OVERFLOW: 'only a part fitted into the buffer',
  STATUS_NO_MORE_ENTRIES: 'the list has ended',
  STATUS_NO_MORE_FILES: 'the list has ended',
  STATUS_GUARD_PAGE_VIOLATION: 'a guard page was touched',
  STATUS_DATATYPE_MISALIGNMENT: 'data is not aligned as the instruction needs it',
  STATUS_BREAKPOINT: 'a breakpoint instruction was reached',
  STATUS_SINGLE_STEP: 'one instruction was stepped',
  STATUS_UNSUCCESSFUL: 'it failed, and the callee gave no reason',
  STATUS_NOT_IMPLEMENTED: 'this system does not have this function',
  STATUS_INVALID_INFO_CLASS: 'this system does not know this kind of information',
  STATUS_INFO_LENGTH_MISMATCH: 'the buffer does not have the size that this kind of information takes',
  STATUS_ACCESS_VIOLATION: 'memory was read or written that must not be: a bad pointer',
  STATUS_IN_PAGE_ERROR: 'a page could not be read from the disk',
  STATUS_INVALID_HANDLE: 'the handle is closed, was never opened, or belongs to another process',
  STATUS_INVALID_CID: 'no process or thread has this id',
  STATUS_INVALID_PARAMETER: 'an argument is not valid',
  STATUS_NO_SUCH_DEVICE: 'there is no such device',
  STATUS_NO_SUCH_FILE: 'there is no such file',
  STATUS_INVALID_DEVICE_REQUEST: 'the driver does not know this request',
  STATUS_END_OF_FILE: 'the file has ended',
  STATUS_NO_MEMORY: 'there is not enough memory',
  STATUS_CONFLICTING_ADDRESSES: 'the addresses are in use',
  STATUS_ILLEGAL_INSTRUCTION: 'the processor does not know this instruction',
  STATUS_ACCESS_DENIED: 'the security descriptor does not allow it, or the caller is not elevated',
  STATUS_BUFFER_TOO_SMALL: 'the buffer is too small',
  STATUS_OBJECT_TYPE_MISMATCH: 'the object is of another type',
  STATUS_NONCONTINUABLE_EXCEPTION: 'execution cannot go on after this exception',
  STATUS_OBJECT_NAME_INVALID: 'the name is not a valid object name',
  STATUS_OBJECT_NAME_NOT_FOUND: 'no object has this name',
  STATUS_OBJECT_NAME_COLLISION: 'an object has this name already',
  STATUS_OBJECT_PATH_INVALID: 'a part of the path is no directory',
  STATUS_OBJECT_PATH_NOT_FOUND: 'a directory of the path does not exist',
  STATUS_OBJECT_PATH_SYNTAX_BAD: 'the path does not begin with a backslash, or is otherwise malformed',
  STATUS_SHARING_VIOLATION: 'somebody else has it open and does not share it',
  STATUS_MUTANT_NOT_OWNED: 'the thread does not own the mutant',
  STATUS_SEMAPHORE_LIMIT_EXCEEDED: 'the release would take the semaphore over its maximum',
  STATUS_DELETE_PENDING: 'it is being deleted',
  STATUS_PRIVILEGE_NOT_HELD: 'a privilege is missing',
  STATUS_WRONG_PASSWORD: 'the password is wrong',
  STATUS_LOGON_FAILURE: 'the user name or password is wrong',
  STATUS_INVALID_IMAGE_FORMAT: 'the file is no valid image for this machine',
  STATUS_DISK_FULL: 'the disk is full',
  STATUS_PROCEDURE_NOT_FOUND: 'the module does not export this function',
  STATUS_INSUFFICIENT_RESOURCES: 'the system ran out of a resource, mostly memory',
  STATUS_INVALID_DEVICE_STATE: 'the device is not in a state that allows it',
  STATUS_DEVICE_NOT_CONNECTED: 'the device is not connected',
  STATUS_MEMORY_NOT_ALLOCATED: 'there is no memory at this address',
  STATUS_FILE_IS_A_DIRECTORY: 'it is a folder',
  STATUS_IO_TIMEOUT: 'the device did not answer in time',
  STATUS_NOT_SUPPORTED: 'the request is not supported',
  STATUS_INTERNAL_ERROR: 'the system found an error in itself',
  STATUS_INVALID_USER_BUFFER: "the caller's buffer is not valid",
  STATUS_CANCELLED: 'the request was cancelled',
  STATUS_CANNOT_DELETE: 'it cannot be deleted',
  STATUS_FILE_CLOSED: 'the file is closed already',
  STATUS_PROCESS_IS_TERMINATING: 'the process is ending',
  STATUS_THREAD_IS_TERMINATING: 'the thread is ending',
  STATUS_PORT_NOT_SET: 'there is no debugger, or no port, to send this to',
  STATUS_IMAGE_ALREADY_LOADED: 'the driver is loaded already',
  STATUS_DRIVER_UNABLE_TO_LOAD: 'the driver could not be loaded',
  STATUS_DRIVER_ENTRYPOINT_NOT_FOUND: 'the driver imports a function that the system does not export',
  STATUS_DRIVER_ORDINAL_NOT_FOUND: 'the driver imports an ordinal that the system does not export',
  STATUS_DRIVER_CANCEL_TIMEOUT: 'the driver did not finish a cancelled request in time',
  STATUS_DRIVER_INTERNAL_ERROR: 'the driver found an error in itself',
  STATUS_DLL_NOT_FOUND: 'a DLL that the program needs is missing',
  STATUS_ENTRYPOINT_NOT_FOUND: 'a DLL does not export a function that the program needs',
  STATUS_DLL_INIT_FAILED: 'a DLL failed to start',
  STATUS_CONTROL_C_EXIT: 'ended by Ctrl-C',
  STATUS_STACK_OVERFLOW: 'the stack is used up',
  STATUS_STACK_BUFFER_OVERRUN: 'the program ended itself because its memory was found damaged (fail fast)',
  STATUS_INTEGER_DIVIDE_BY_ZERO: 'an integer was divided by zero',
  STATUS_PRIVILEGED_INSTRUCTION: 'the instruction is reserved for the kernel',
  STATUS_INVALID_PARAMETER_MIX: 'the arguments do not go together',
  STATUS_NOT_FOUND: 'it was not found',
  STATUS_DEVICE_BUSY: 'the device is busy',
  STATUS_DEVICE_NOT_READY: 'the device is not ready',
  STATUS_DEVICE_REMOVED: 'the device was removed',
  STATUS_NOT_SAME_OBJECT: 'the handles are of different objects',
  STATUS_INVALID_IMAGE_HASH:
    'the signature is not accepted: test signing is off, or the file is unsigned or was changed after signing',
  STATUS_REQUEST_ABORTED: 'the request was aborted',
  STATUS_TOO_LATE: 'it is too late for this in the life of the object',

  ERROR_SUCCESS: 'done',
  ERROR_INVALID_FUNCTION: 'the driver does not know this request',
  ERROR_FILE_NOT_FOUND: 'there is no such file, device or object',
  ERROR_PATH_NOT_FOUND: 'a folder of the path does not exist',
  ERROR_TOO_MANY_OPEN_FILES: 'too many files are open',
  ERROR_ACCESS_DENIED: 'access is not allowed, or the caller is not elevated',
  ERROR_INVALID_HANDLE: 'the handle is closed, was never opened, or belongs to another process',
  ERROR_NOT_ENOUGH_MEMORY: 'there is not enough memory',
  ERROR_BAD_FORMAT: 'the format is wrong',
  ERROR_OUTOFMEMORY: 'there is not enough memory',
  ERROR_NO_MORE_FILES: 'the list has ended',
  ERROR_WRITE_PROTECT: 'the disk is write-protected',
  ERROR_NOT_READY: 'the device is not ready',
  ERROR_GEN_FAILURE: 'the device or driver failed and gave no reason',
  ERROR_SHARING_VIOLATION: 'somebody else has it open and does not share it',
  ERROR_HANDLE_EOF: 'the file has ended',
  ERROR_HANDLE_DISK_FULL: 'the disk is full',
  ERROR_NOT_SUPPORTED: 'the request is not supported',
  ERROR_FILE_EXISTS: 'the file exists already',
  ERROR_INVALID_PARAMETER: 'an argument is not valid',
  ERROR_BROKEN_PIPE: 'the other end of the pipe is gone',
  ERROR_DISK_FULL: 'the disk is full',
  ERROR_CALL_NOT_IMPLEMENTED: 'this system does not have this function',
  ERROR_SEM_TIMEOUT: 'the time ran out',
  ERROR_INSUFFICIENT_BUFFER: 'the buffer is too small',
  ERROR_INVALID_NAME: 'the name is not valid',
  ERROR_MOD_NOT_FOUND: 'a DLL that is needed is missing',
  ERROR_PROC_NOT_FOUND: 'a DLL does not export a function that is needed',
  ERROR_DIR_NOT_EMPTY: 'the folder is not empty',
  ERROR_BAD_PATHNAME: 'the path is not valid',
  ERROR_BUSY: 'it is in use',
  ERROR_ALREADY_EXISTS: 'it exists already',
  ERROR_BAD_EXE_FORMAT: 'the file is no program for this machine',
  ERROR_EXE_MACHINE_TYPE_MISMATCH: 'the program was built for another machine',
  ERROR_PIPE_BUSY: 'every instance of the pipe is in use',
  ERROR_MORE_DATA: 'there is more than fitted into the buffer',
  WAIT_TIMEOUT: 'the time ran out',
  ERROR_NO_MORE_ITEMS: 'the list has ended',
  ERROR_DIRECTORY: 'the folder name is not valid',
  ERROR_NOT_OWNER: 'the thread does not own it',
  ERROR_TOO_MANY_POSTS: 'the semaphore would go over its maximum',
  ERROR_INVALID_ADDRESS: 'the address is not valid',
  ERROR_OPERATION_ABORTED: 'the request was cancelled',
  ERROR_IO_INCOMPLETE: 'the request is not finished yet',
  ERROR_IO_PENDING: 'begun, and not finished yet',
  ERROR_NOACCESS: 'memory was read or written that must not be: a bad pointer',
  ERROR_SERVICE_REQUEST_TIMEOUT: 'the service did not answer in time',
  ERROR_SERVICE_NO_THREAD: 'no thread could be made for the service',
  ERROR_SERVICE_DATABASE_LOCKED: 'the service database is locked',
  ERROR_SERVICE_ALREADY_RUNNING: 'the service is running already',
  ERROR_INVALID_SERVICE_ACCOUNT: 'the account of the service is not valid',
  ERROR_SERVICE_DISABLED: 'the service is disabled, or was stopped while handles to its device were open',
  ERROR_SERVICE_DOES_NOT_EXIST: 'no service of this name is installed',
  ERROR_SERVICE_CANNOT_ACCEPT_CTRL: 'the service cannot take this command in its present state',
  ERROR_SERVICE_NOT_ACTIVE: 'the service is not running',
  ERROR_FAILED_SERVICE_CONTROLLER_CONNECT: 'the program was not started by the service control manager',
  ERROR_SERVICE_SPECIFIC_ERROR: 'the service gave an error code of its own',
  ERROR_PROCESS_ABORTED: 'the process ended unexpectedly',
  ERROR_SERVICE_DEPENDENCY_FAIL: 'a service that it depends on did not start',
  ERROR_SERVICE_LOGON_FAILED: 'the account of the service could not log on',
  ERROR_SERVICE_MARKED_FOR_DELETE: 'the service goes as soon as it stops and its last handle is closed',
  ERROR_SERVICE_EXISTS: 'a service of this name exists already',
  ERROR_DEPENDENT_SERVICES_RUNNING: 'services that depend on it are running',
  ERROR_DUPLICATE_SERVICE_NAME: 'another service has this name',
  ERROR_NO_SYSTEM_RESOURCES: 'the system ran out of a resource',
  ERROR_DEVICE_NOT_CONNECTED: 'the device is not connected',
  ERROR_NOT_FOUND: 'it was not found',
  ERROR_CANCELLED: 'cancelled by the user',
  ERROR_PRIVILEGE_NOT_HELD: 'a privilege is missing',
  ERROR_LOGON_FAILURE: 'the user name or password is wrong',
  ERROR_TIMEOUT: 'the time ran out',
  ERROR_DRIVER_BLOCKED: 'the system blocks this driver',
  ERROR_INVALID_IMAGE_HASH: 'the signature is not accepted',
  ERROR_INVALID_USER_BUFFER: "the caller's buffer is not valid",
};

/** Codes and names, made when the first is asked for: a window that starts asks for none. */
class CodeTable {
  #names: Map<number, string> | undefined;
  #codes: Map<string, number> | undefined;

  constructor(
    readonly lines: string,
    readonly radix: 10 | 16,
  ) {}

  nameOf(code: number): string | undefined {
    return this.#read().get(code);
  }

  codeOf(name: string): number | undefined {
    this.#codes ??= new Map([...this.#read()].map(([code, known]) => [known, code]));
    return this.#codes.get(name);
  }

  #read(): Map<number, string> {
    if (this.#names !== undefined) return this.#names;
    this.#names = new Map();
    for (const line of this.lines.trim().split('\n')) {
      const [code, name] = line.split(' ');
      if (code !== undefined && name !== undefined) this.#names.set(Number.parseInt(code, this.radix), name);
    }
    return this.#names;
  }
}

const ntstatus = new CodeTable(NTSTATUS_LINES, 16);
const win32 = new CodeTable(WIN32_LINES, 10);

/** Name of an NTSTATUS (signed or unsigned), or undefined. */
export function ntstatusName(status: number): string | undefined {
  const code = status >>> 0;
  const known = ntstatus.nameOf(code);
  if (known !== undefined) {
    return known;
  }
  if (code < 64) {
    return `STATUS_WAIT_${code}`;
  }
  return code >= 0x80 && code < 0xc0 ? `STATUS_ABANDONED_WAIT_${code - 0x80}` : undefined;
}

/** Unsigned NTSTATUS of a name such as STATUS_TIMEOUT, or undefined. */
export function ntstatusOf(name: string): number | undefined {
  const wait = /^STATUS_(ABANDONED_)?WAIT_(\d{1,2})$/.exec(name);
  if (wait !== null && Number(wait[2]) < 64) return Number(wait[2]) + (wait[1] === undefined ? 0 : 0x80);
  return ntstatus.codeOf(name);
}

/** Name of a Win32 error, or undefined. */
export function win32ErrorName(error: number): string | undefined {
  return win32.nameOf(error >>> 0);
}

/** What a name means, or undefined. */
export function statusMeaning(name: string): string | undefined {
  if (/^STATUS_WAIT_\d+$/.test(name)) {
    return 'the wait was satisfied';
  }
  if (/^STATUS_ABANDONED_WAIT_\d+$/.test(name)) {
    return 'the wait was satisfied by a mutant whose owner ended without releasing it';
  }
  return MEANINGS[name];
}

const hex = (code: number): string => `0x${(code >>> 0).toString(16).toUpperCase().padStart(8, '0')}`;

/** An NTSTATUS (signed or unsigned) as a person reads it: `STATUS_ACCESS_DENIED (0xC0000022): the security ...`. */
export function describeNtstatus(status: number): string {
  const name = ntstatusName(status);
  if (name === undefined) {
    return `NTSTATUS ${hex(status)}`;
  }
  const meaning = statusMeaning(name);
  return `${name} (${hex(status)})${meaning === undefined ? '' : `: ${meaning}`}`;
}

/** A Win32 error as a person reads it: `ERROR_SERVICE_EXISTS (1073): a service of this name exists already`. */
export function describeWin32Error(error: number): string {
  const name = win32ErrorName(error);
  if (name === undefined) {
    return `Win32 error ${error >>> 0}`;
  }
  const meaning = statusMeaning(name);
  return `${name} (${error >>> 0})${meaning === undefined ? '' : `: ${meaning}`}`;
}

/** A process's exit code: a number, with the status it stands for when it is one (0xC0000005 and the like). */
export function describeExitCode(code: number): string {
  return code >>> 0 >= 0x8000_0000 ? describeNtstatus(code) : String(code);
}

export interface Explanation {
  /** Code by its Windows name and meaning, and the usual cause. */
  readonly why: string;
  /** What to do next, one sentence. */
  readonly next: string;
}

/**
 * Why a driver's service did not start, by the Win32 error of StartServiceW or the service's exit code, with what usually
 * causes it for a driver in development and what to do.
 */
export function describeServiceStartError(error: number): Explanation {
  const known = START_ERRORS[error >>> 0];
  if (known === undefined) {
    return {
      why: describeWin32Error(error),
      next: "Read the kernel's debug output of the start, and check what DriverEntry returns.",
    };
  }
  return { why: `${describeWin32Error(error)}. ${known.cause}`, next: known.next };
}

/**
 * Why a driver did not let the agent start its trace rings, by the NTSTATUS of the request: the usual cause and what to do.
 * Undefined for a status that says all there is to say.
 */
export function describeTraceStartError(status: number): Explanation | undefined {
  if (status >>> 0 !== STATUS_PRIVILEGE_NOT_HELD) {
    return undefined;
  }
  return {
    why:
      `${describeNtstatus(status)}. Trace records hold kernel addresses, so the driver gives them to a holder of ` +
      'SeDebugPrivilege alone, and the agent could not enable it: it does not run elevated, or a policy took the right away',
    next: 'Run the agent elevated: connect to the target as an administrator who holds the right "Debug programs".',
  };
}

const STATUS_PRIVILEGE_NOT_HELD = 0xc0000061;

const MISSING_FILE = {
  cause: "The .sys file is not where the service's ImagePath says",
  next: 'Deploy again, and check the binary path of the service.',
};
const WRONG_MACHINE = {
  cause: 'The .sys file was built for another processor, or is not a driver image',
  next: 'Build the driver for x64 and deploy again.',
};

const START_ERRORS: Readonly<Record<number, { readonly cause: string; readonly next: string }>> = {
  2: MISSING_FILE,
  3: MISSING_FILE,
  5: {
    cause: 'The agent does not run elevated, or a policy refuses',
    next: 'Run as an administrator of the target.',
  },
  6: {
    cause:
      'DriverEntry most likely returned STATUS_OBJECT_TYPE_MISMATCH or STATUS_INVALID_HANDLE: an object of the name that it makes may be there already, left by a driver that faulted',
    next: "Read the kernel's debug output; if a name is in the way, restart the target, then deploy again.",
  },
  31: {
    cause: 'DriverEntry most likely returned an error that has no Win32 counterpart',
    next: "Read the kernel's debug output: DriverEntry's own NTSTATUS says more.",
  },
  87: {
    cause: 'The linker may have made no proper native image, or DriverEntry returned STATUS_INVALID_PARAMETER',
    next: 'Check the subsystem (native) and the entry point of the .sys file.',
  },
  127: {
    cause: 'The driver imports a function that the kernel of this target does not export',
    next: "Compare the driver's imports with the exports of the target's ntoskrnl.exe.",
  },
  183: {
    cause: 'A device or link of this name exists already: another instance, or one that was not cleaned up',
    next: 'Stop the other instance, or restart the target.',
  },
  193: WRONG_MACHINE,
  216: WRONG_MACHINE,
  577: {
    cause:
      'Test signing is off, Secure Boot is on, the file is unsigned or was changed after signing, or a policy (HVCI) refuses it',
    next: 'Turn test signing on (bcdedit /set testsigning on) with Secure Boot off, restart the target, and deploy again.',
  },
  1053: {
    cause: 'The control manager stopped waiting; DriverEntry may still be running, or be held by a debugger',
    next: 'Query the service again; if it stays in startPending, DriverEntry hangs.',
  },
  1056: {
    cause: 'The driver is loaded already',
    next: 'Undeploy or stop the service first.',
  },
  1058: {
    cause: 'It is disabled, or was stopped while handles to its device were open',
    next: 'Close the programs that use the device, stop the service once more, and start it again.',
  },
  1060: {
    cause: 'It was never created, or is deleted',
    next: 'Deploy the driver again.',
  },
  1067: {
    cause: 'The process that hosts the driver ended while the driver started: DriverEntry faulted',
    next: "Read the kernel's debug output, and stop in DriverEntry with the debugger.",
  },
  1072: {
    cause: 'It was deleted while it ran or while somebody held a handle to it',
    next: 'Close service consoles and debuggers that hold it; if it stays, restart the target.',
  },
  1073: {
    cause: 'An earlier deployment is still there',
    next: 'Undeploy first.',
  },
  1062: {
    cause: 'It ended again at once',
    next: "Read the kernel's debug output of the start.",
  },
  1275: {
    cause: 'The vulnerable-driver block list or a policy may name it; the system gives no reason',
    next: "Read the target's Code Integrity event log.",
  },
};
