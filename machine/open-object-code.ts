/** The C code that opens a named object from an application or from a driver: what "Copy as C" copies. */

export type CodeSide = 'user' | 'kernel';

interface UserOpen {
  readonly call: string;
  readonly access: string;
}

/** Win32 functions that open by name; what has none is opened by its Nt function. */
const USER: Readonly<Record<string, UserOpen>> = {
  Event: { call: 'OpenEventW', access: 'SYNCHRONIZE | EVENT_MODIFY_STATE' },
  Mutant: { call: 'OpenMutexW', access: 'SYNCHRONIZE' },
  Semaphore: { call: 'OpenSemaphoreW', access: 'SYNCHRONIZE | SEMAPHORE_MODIFY_STATE' },
  Timer: { call: 'OpenWaitableTimerW', access: 'SYNCHRONIZE | TIMER_MODIFY_STATE' },
  Section: { call: 'OpenFileMappingW', access: 'FILE_MAP_READ' },
};

/** Zw functions that a driver opens by name with, and the least access for what one does with it. */
const KERNEL: Readonly<Record<string, UserOpen>> = {
  Event: { call: 'ZwOpenEvent', access: 'SYNCHRONIZE | EVENT_MODIFY_STATE' },
  Mutant: { call: 'ZwOpenMutant', access: 'SYNCHRONIZE' },
  Semaphore: { call: 'ZwOpenSemaphore', access: 'SYNCHRONIZE | SEMAPHORE_MODIFY_STATE' },
  Timer: { call: 'ZwOpenTimer', access: 'SYNCHRONIZE' },
  Section: { call: 'ZwOpenSection', access: 'SECTION_MAP_READ' },
  Directory: { call: 'ZwOpenDirectoryObject', access: 'DIRECTORY_QUERY' },
  SymbolicLink: { call: 'ZwOpenSymbolicLinkObject', access: 'SYMBOLIC_LINK_QUERY' },
};

export const hasOpenCode = (typeName: string): boolean => Object.hasOwn(KERNEL, typeName);

/** As a C wide string literal; what is not printable ASCII by its UTF-16 units. */
export function wideLiteral(text: string): string {
  let literal = '';
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    const character = text.charAt(at);
    if (character === '\\' || character === '"') literal += `\\${character}`;
    else if (unit >= 0x20 && unit < 0x7f) literal += character;
    // Ended and begun again: a hexadecimal escape takes every digit that follows.
    else literal += `\\x${unit.toString(16).padStart(4, '0')}" L"`;
  }
  return `L"${literal}"`;
}

/**
 * What a Win32 function calls an object: Global\X for \BaseNamedObjects\X, X for the session's own.
 * @returns undefined for an object that Win32 has no name for
 */
export function win32ObjectName(path: string): string | undefined {
  const global = /^\\BaseNamedObjects\\(.+)$/i.exec(path);
  if (global?.[1] !== undefined) return `Global\\${global[1]}`;
  const session = /^\\Sessions\\\d+\\BaseNamedObjects\\(.+)$/i.exec(path);
  return session?.[1];
}

/**
 * A snippet of C that opens the object, with its error handled.
 * @param path full path in the object manager's namespace
 * @returns undefined when that side cannot open such an object by name
 */
export function openObjectCode(path: string, typeName: string, side: CodeSide): string | undefined {
  return side === 'user' ? userCode(path, typeName) : kernelCode(path, typeName);
}

function userCode(path: string, typeName: string): string | undefined {
  const open = USER[typeName];
  const name = win32ObjectName(path);
  if (open === undefined || name === undefined) return undefined;
  return [
    `HANDLE handle = ${open.call}(${open.access}, FALSE, ${wideLiteral(name)});`,
    'if (handle == NULL) {',
    '    return GetLastError();',
    '}',
    '',
  ].join('\n');
}

function kernelCode(path: string, typeName: string): string | undefined {
  const open = KERNEL[typeName];
  if (open === undefined) return undefined;
  return [
    '/* IRQL: PASSIVE_LEVEL */',
    'UNICODE_STRING name;',
    'OBJECT_ATTRIBUTES attributes;',
    'HANDLE handle;',
    '',
    `RtlInitUnicodeString(&name, ${wideLiteral(path)});`,
    'InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);',
    `NTSTATUS status = ${open.call}(&handle, ${open.access}, &attributes);`,
    'if (!NT_SUCCESS(status)) {',
    '    return status;',
    '}',
    '',
  ].join('\n');
}
