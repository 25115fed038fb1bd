/**
 * Security descriptors in SDDL, explained in words: who may do what with an object.
 * Source of the grammar and of the letters: Microsoft's pages on the Security Descriptor Definition Language.
 */
import { describeAccess } from './access-rights.js';

/** Two letters, and well-known SIDs that have no letters in older systems. */
const ACCOUNTS: Readonly<Record<string, string>> = {
  AN: 'Anonymous',
  AO: 'Account Operators',
  AU: 'Authenticated Users',
  BA: 'Administrators',
  BG: 'Guests',
  BO: 'Backup Operators',
  BU: 'Users',
  CG: 'Creator Group',
  CO: 'Creator Owner',
  IU: 'Interactive users',
  LA: 'Administrator (local)',
  LG: 'Guest (local)',
  LS: 'Local Service',
  NS: 'Network Service',
  NU: 'Network users',
  OW: 'Owner Rights',
  PU: 'Power Users',
  RC: 'Restricted code',
  SU: 'Service accounts',
  SY: 'SYSTEM',
  WD: 'Everyone',
  AC: 'All application packages',
  LW: 'low integrity',
  ME: 'medium integrity',
  HI: 'high integrity',
  SI: 'system integrity',
  'S-1-1-0': 'Everyone',
  'S-1-5-18': 'SYSTEM',
  'S-1-5-32-544': 'Administrators',
  'S-1-5-32-545': 'Users',
};

/** Accounts that an ordinary application's user belongs to. */
const ORDINARY = new Set(['WD', 'AU', 'BU', 'IU', 'S-1-1-0', 'S-1-5-11', 'S-1-5-32-545', 'S-1-5-4']);

/** Rights by their letters. File and registry letters are the specific bits that they stand for. */
const RIGHTS: Readonly<Record<string, number>> = {
  GA: 0x1000_0000,
  GR: 0x8000_0000,
  GW: 0x4000_0000,
  GX: 0x2000_0000,
  RC: 0x2_0000,
  SD: 0x1_0000,
  WD: 0x4_0000,
  WO: 0x8_0000,
  CC: 0x1,
  DC: 0x2,
  LC: 0x4,
  SW: 0x8,
  RP: 0x10,
  WP: 0x20,
  DT: 0x40,
  LO: 0x80,
  CR: 0x100,
  FA: 0x1f_01ff,
  FR: 0x12_0089,
  FW: 0x12_0116,
  FX: 0x12_00a0,
  KA: 0xf_003f,
  KR: 0x2_0019,
  KW: 0x2_0006,
  KX: 0x2_0019,
};

const KINDS: Readonly<Record<string, string>> = { A: 'Allows', D: 'Denies', XA: 'Allows', XD: 'Denies' };
const INHERIT_ONLY = 'IO';

export const accountName = (sid: string): string => ACCOUNTS[sid] ?? sid;

/** undefined: it is not a sequence of known letters, nor a number. */
function parseRights(text: string): number | undefined {
  if (/^0x[0-9a-f]{1,8}$/i.test(text)) return Number.parseInt(text.slice(2), 16);
  if (/^\d{1,10}$/.test(text)) return Number.parseInt(text, 10) >>> 0;
  if (text.length % 2 !== 0) return undefined;
  let mask = 0;
  for (let at = 0; at < text.length; at += 2) {
    const right = RIGHTS[text.slice(at, at + 2)];
    if (right === undefined) return undefined;
    mask = (mask | right) >>> 0;
  }
  return mask;
}

interface Ace {
  readonly kind: string;
  readonly flags: string;
  readonly rights: string;
  readonly account: string;
}

function parseAces(text: string): Ace[] {
  return [...text.matchAll(/\(([^()]*)\)/g)].map((match) => {
    const [kind = '', flags = '', rights = '', , , account = ''] = (match[1] ?? '').split(';');
    return { kind, flags, rights, account };
  });
}

/** The four parts of a descriptor; a colon in an account (S-1-...) cannot follow a single letter at a part's start. */
function partOf(sddl: string, letter: 'O' | 'G' | 'D' | 'S'): string | undefined {
  const withoutAces = sddl.replace(/\([^()]*\)/g, (aces) => '\0'.repeat(aces.length));
  const start = withoutAces.indexOf(`${letter}:`);
  if (start < 0) return undefined;
  const rest = withoutAces.slice(start + 2);
  const end = rest.search(/[OGDS]:/);
  return sddl.slice(start + 2, end < 0 ? undefined : start + 2 + end);
}

function describeAce(ace: Ace, typeName: string): string {
  const mask = parseRights(ace.rights);
  const access = mask === undefined ? ace.rights : describeAccess(mask, typeName);
  const inherited = ace.flags.includes('ID') ? ' (inherited)' : '';
  const what = KINDS[ace.kind];
  if (what === undefined) return `Entry of kind ${ace.kind} for ${accountName(ace.account)}: ${access}${inherited}`;
  return `${what} ${accountName(ace.account)}: ${access}${inherited}`;
}

/** Whether an entry decides about this object itself, not only about what will be made in it. */
const isEffective = (ace: Ace): boolean => !ace.flags.includes(INHERIT_ONLY);

/**
 * One line per fact: owner, group, each entry of the access list in its order (the first that decides wins), and a warning
 * where the list keeps ordinary applications out or lets everybody do everything.
 * @param typeName the kernel's type name, such as Event: its rights have names of their own
 */
export function explainSddl(sddl: string, typeName: string): string[] {
  const lines: string[] = [];
  const owner = partOf(sddl, 'O');
  if (owner !== undefined) lines.push(`Owner: ${accountName(owner)}`);
  const group = partOf(sddl, 'G');
  if (group !== undefined) lines.push(`Group: ${accountName(group)}`);
  const list = partOf(sddl, 'D');
  if (list === undefined || list.startsWith('NO_ACCESS_CONTROL')) {
    return [...lines, 'No access list: everybody may do everything with it'];
  }
  const aces = parseAces(list).filter(isEffective);
  if (aces.length === 0) return [...lines, 'Empty access list: nobody but its owner may open it'];
  lines.push(...aces.map((ace) => describeAce(ace, typeName)));
  if (!aces.some((ace) => KINDS[ace.kind] === 'Allows' && ORDINARY.has(ace.account))) {
    lines.push('Ordinary users get nothing: only the accounts above can open it');
  }
  const label = parseAces(partOf(sddl, 'S') ?? '').find((ace) => ace.kind === 'ML');
  if (label !== undefined) lines.push(`Integrity label: ${accountName(label.account)}`);
  return lines;
}
