/*
 * security.c - SIDs, access lists, SDDL and the access check, as far as the sample's descriptors go.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#include <stdlib.h>

typedef struct KNOWN_SID {
    const char *sddl; /* two letters */
    UCHAR authority, count;
    ULONG parts[2];
} KNOWN_SID;

static const KNOWN_SID known[] = {
    {"SY", 5, 1, {SECURITY_LOCAL_SYSTEM_RID, 0}},
    {"BA", 5, 2, {SECURITY_BUILTIN_DOMAIN_RID, DOMAIN_ALIAS_RID_ADMINS}},
    {"BU", 5, 2, {SECURITY_BUILTIN_DOMAIN_RID, DOMAIN_ALIAS_RID_USERS}},
    {"AU", 5, 1, {SECURITY_AUTHENTICATED_USER_RID, 0}},
    {"IU", 5, 1, {SECURITY_INTERACTIVE_RID, 0}},
    {"WD", 1, 1, {SECURITY_WORLD_RID, 0}},
};

typedef struct SID_BUFFER {
    _Alignas(8) UCHAR bytes[SECURITY_MAX_SID_SIZE];
} SID_BUFFER;
static SID_BUFFER sids[RTL_NUMBER_OF(known)];
static SE_EXPORTS exports;
PSE_EXPORTS SeExports = &exports;

ULONG RtlLengthRequiredSid(ULONG count) { return 8 + 4 * count; }
ULONG RtlLengthSid(PSID sid) { return RtlLengthRequiredSid(((PISID)sid)->SubAuthorityCount); }
PULONG RtlSubAuthoritySid(PSID sid, ULONG index) { return &((PISID)sid)->SubAuthority[index]; }
BOOLEAN RtlValidSid(PSID sid)
{
    return sid != NULL && ((PISID)sid)->Revision == SID_REVISION && ((PISID)sid)->SubAuthorityCount <= 15;
}
BOOLEAN RtlEqualSid(PSID a, PSID b)
{
    return RtlLengthSid(a) == RtlLengthSid(b) && memcmp(a, b, RtlLengthSid(a)) == 0;
}

NTSTATUS RtlInitializeSid(PSID sid, PSID_IDENTIFIER_AUTHORITY authority, UCHAR count)
{
    PISID s = sid;
    s->Revision = SID_REVISION;
    s->SubAuthorityCount = count;
    s->IdentifierAuthority = *authority;
    return STATUS_SUCCESS;
}

static PSID KnownSid(const char *letters)
{
    for (size_t i = 0; i < RTL_NUMBER_OF(known); i++) {
        if (known[i].sddl[0] == letters[0] && known[i].sddl[1] == letters[1]) {
            return sids[i].bytes;
        }
    }
    return NULL;
}

void ModelSecurityStart(void)
{
    for (size_t i = 0; i < RTL_NUMBER_OF(known); i++) {
        SID_IDENTIFIER_AUTHORITY authority = {{0, 0, 0, 0, 0, known[i].authority}};
        RtlInitializeSid(sids[i].bytes, &authority, known[i].count);
        for (ULONG k = 0; k < known[i].count; k++) {
            *RtlSubAuthoritySid(sids[i].bytes, k) = known[i].parts[k];
        }
    }
    exports.SeLocalSystemSid = KnownSid("SY");
    exports.SeAliasAdminsSid = KnownSid("BA");
    exports.SeAliasUsersSid = KnownSid("BU");
    exports.SeAuthenticatedUsersSid = KnownSid("AU");
    exports.SeInteractiveSid = KnownSid("IU");
    exports.SeWorldSid = KnownSid("WD");
}

static BOOLEAN IsMember(MODEL_USER user, PSID sid)
{
    static const char *const groups[][5] = {
        [ModelUserSystem] = {"SY", "BA", "AU", "WD"},
        [ModelUserAdministrator] = {"BA", "BU", "AU", "IU", "WD"},
        [ModelUserOrdinary] = {"BU", "AU", "IU", "WD"},
        [ModelUserAnonymous] = {NULL},
    };
    for (size_t i = 0; i < 5 && groups[user][i] != NULL; i++) {
        if (RtlEqualSid(KnownSid(groups[user][i]), sid)) {
            return TRUE;
        }
    }
    return FALSE;
}

NTSTATUS RtlCreateSecurityDescriptor(PSECURITY_DESCRIPTOR descriptor, ULONG revision)
{
    PISECURITY_DESCRIPTOR d = descriptor;
    memset(d, 0, sizeof *d);
    d->Revision = (UCHAR)revision;
    return revision == SECURITY_DESCRIPTOR_REVISION ? STATUS_SUCCESS : STATUS_UNKNOWN_REVISION;
}

NTSTATUS RtlSetDaclSecurityDescriptor(PSECURITY_DESCRIPTOR descriptor, BOOLEAN present, PACL dacl, BOOLEAN defaulted)
{
    PISECURITY_DESCRIPTOR d = descriptor;
    UNREFERENCED_PARAMETER(defaulted);
    d->Control = present ? SE_DACL_PRESENT : 0;
    d->Dacl = present ? dacl : NULL;
    return STATUS_SUCCESS;
}

NTSTATUS RtlSetOwnerSecurityDescriptor(PSECURITY_DESCRIPTOR descriptor, PSID owner, BOOLEAN defaulted)
{
    UNREFERENCED_PARAMETER(defaulted);
    ((PISECURITY_DESCRIPTOR)descriptor)->Owner = owner;
    return STATUS_SUCCESS;
}

NTSTATUS RtlSetGroupSecurityDescriptor(PSECURITY_DESCRIPTOR descriptor, PSID group, BOOLEAN defaulted)
{
    UNREFERENCED_PARAMETER(defaulted);
    ((PISECURITY_DESCRIPTOR)descriptor)->Group = group;
    return STATUS_SUCCESS;
}

BOOLEAN RtlValidSecurityDescriptor(PSECURITY_DESCRIPTOR descriptor)
{
    return descriptor != NULL && ((PISECURITY_DESCRIPTOR)descriptor)->Revision == SECURITY_DESCRIPTOR_REVISION;
}

ULONG RtlLengthSecurityDescriptor(PSECURITY_DESCRIPTOR descriptor)
{
    PISECURITY_DESCRIPTOR d = descriptor;
    return (ULONG)sizeof *d + (d->Dacl != NULL ? d->Dacl->AclSize : 0u);
}

NTSTATUS RtlCreateAcl(PACL acl, ULONG length, ULONG revision)
{
    if (length < sizeof *acl) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (length > 0xFFFC || revision < 2 || revision > 4) {
        return STATUS_INVALID_PARAMETER;
    }
    *acl = (ACL){(UCHAR)revision, 0, (USHORT)(length & ~3u), 0, 0};
    return STATUS_SUCCESS;
}

static NTSTATUS AddAce(PACL acl, UCHAR type, ACCESS_MASK mask, PSID sid)
{
    UCHAR *at = (UCHAR *)(acl + 1), *end = (UCHAR *)acl + acl->AclSize;
    for (ULONG i = 0; i < acl->AceCount; i++) {
        at += ((ACE_HEADER *)at)->AceSize;
    }
    USHORT size = (USHORT)(offsetof(ACCESS_ALLOWED_ACE, SidStart) + RtlLengthSid(sid));
    if (at + size > end) {
        return STATUS_ALLOTTED_SPACE_EXCEEDED;
    }
    ACCESS_ALLOWED_ACE *ace = (ACCESS_ALLOWED_ACE *)at;
    ace->Header = (ACE_HEADER){type, 0, size};
    ace->Mask = mask;
    memcpy(&ace->SidStart, sid, RtlLengthSid(sid));
    acl->AceCount++;
    return STATUS_SUCCESS;
}

NTSTATUS RtlAddAccessAllowedAce(PACL acl, ULONG revision, ACCESS_MASK mask, PSID sid)
{
    UNREFERENCED_PARAMETER(revision);
    return RtlValidSid(sid) ? AddAce(acl, ACCESS_ALLOWED_ACE_TYPE, mask, sid) : STATUS_INVALID_SID;
}

/*
 * Access control entries in their order, each right decided by the first that names it [doc: How AccessCheck works].
 * The system may everything that any entry could give, as the kernel's own callers run without a check.
 */
BOOLEAN ModelAccessCheck(PACL dacl, BOOLEAN present, MODEL_USER user, POBJECT_TYPE type, ACCESS_MASK desired,
                         ACCESS_MASK *granted)
{
    ACCESS_MASK wanted = ModelMapAccess(type, desired), allowed = 0, denied = 0;
    BOOLEAN maximum = (desired & MAXIMUM_ALLOWED) != 0;
    wanted &= ~MAXIMUM_ALLOWED;
    if (!present || dacl == NULL) {
        allowed = type->allAccess;
    } else {
        UCHAR *at = (UCHAR *)(dacl + 1);
        for (ULONG i = 0; i < dacl->AceCount; i++, at += ((ACE_HEADER *)at)->AceSize) {
            ACCESS_ALLOWED_ACE *ace = (ACCESS_ALLOWED_ACE *)at;
            ACCESS_MASK mask = ModelMapAccess(type, ace->Mask);
            if (!IsMember(user, &ace->SidStart)) {
                continue;
            }
            if (ace->Header.AceType == ACCESS_DENIED_ACE_TYPE) {
                denied |= mask & ~allowed;
            } else {
                allowed |= mask & ~denied;
            }
        }
    }
    *granted = maximum ? allowed : wanted;
    return (wanted & ~allowed) == 0 && *granted != 0;
}

NTSTATUS ModelCopyDescriptor(PSECURITY_DESCRIPTOR descriptor, PACL *dacl, BOOLEAN *present)
{
    PISECURITY_DESCRIPTOR d = descriptor;
    if (d == NULL) {
        return STATUS_SUCCESS;
    }
    if (!RtlValidSecurityDescriptor(d)) {
        return STATUS_INVALID_SECURITY_DESCR;
    }
    *present = (d->Control & SE_DACL_PRESENT) != 0;
    if (d->Dacl != NULL) {
        free(*dacl);
        *dacl = malloc(d->Dacl->AclSize);
        memcpy(*dacl, d->Dacl, d->Dacl->AclSize);
    }
    return STATUS_SUCCESS;
}

static ACCESS_MASK ParseRights(const WCHAR *text, size_t units)
{
    static const struct {
        const char *letters;
        ACCESS_MASK mask;
    } rights[] = {{"GA", GENERIC_ALL},      {"GR", GENERIC_READ}, {"GW", GENERIC_WRITE}, {"GX", GENERIC_EXECUTE},
                  {"RC", READ_CONTROL},     {"SD", DELETE},       {"WD", WRITE_DAC},     {"WO", WRITE_OWNER},
                  {"FA", 0x1F01FF},         {"FR", 0x120089},     {"FW", 0x120116}};
    ACCESS_MASK mask = 0;
    if (units > 2 && text[0] == '0' && (text[1] | 0x20) == 'x') {
        for (size_t i = 2; i < units; i++) {
            WCHAR c = (WCHAR)(text[i] | 0x20);
            mask = mask * 16 + (ACCESS_MASK)(c >= 'a' ? c - 'a' + 10 : text[i] - '0');
        }
        return mask;
    }
    for (size_t i = 0; i + 1 < units; i += 2) {
        for (size_t k = 0; k < RTL_NUMBER_OF(rights); k++) {
            if (text[i] == rights[k].letters[0] && text[i + 1] == rights[k].letters[1]) {
                mask |= rights[k].mask;
            }
        }
    }
    return mask;
}

/* D:[flags](type;flags;rights;;;sid)... [doc: Security descriptor string format]. */
NTSTATUS ModelParseSddl(PCUNICODE_STRING sddl, PACL *dacl, BOOLEAN *present)
{
    const WCHAR *text = sddl->Buffer;
    size_t units = sddl->Length / sizeof(WCHAR), at = 2;
    if (units < 2 || text[0] != 'D' || text[1] != ':') {
        return STATUS_INVALID_SECURITY_DESCR;
    }
    free(*dacl);
    *dacl = calloc(1, 1024);
    *present = TRUE;
    RtlCreateAcl(*dacl, 1024, ACL_REVISION);
    while (at < units && text[at] != '(') {
        at++;
    }
    while (at < units && text[at] == '(') {
        size_t field[6], length[6], count = 0, start = ++at;
        for (; at < units && count < 6; at++) {
            if (text[at] == ';' || text[at] == ')') {
                field[count] = start;
                length[count++] = at - start;
                start = at + 1;
                if (text[at] == ')') {
                    at++;
                    break;
                }
            }
        }
        char letters[2];
        if (count != 6 || length[0] != 1 || length[5] != 2) {
            return STATUS_INVALID_SECURITY_DESCR;
        }
        letters[0] = (char)text[field[5]];
        letters[1] = (char)text[field[5] + 1];
        PSID sid = KnownSid(letters);
        WCHAR type = text[field[0]];
        if (sid == NULL || (type != 'A' && type != 'D')) {
            return STATUS_INVALID_SECURITY_DESCR;
        }
        AddAce(*dacl, type == 'A' ? ACCESS_ALLOWED_ACE_TYPE : ACCESS_DENIED_ACE_TYPE,
               ParseRights(text + field[2], length[2]), sid);
    }
    return at == units ? STATUS_SUCCESS : STATUS_INVALID_SECURITY_DESCR;
}

/* PASSIVE_LEVEL; KernelMode holds all [doc: SeSinglePrivilegeCheck]. SeDebugPrivilege is an administrator's. */
BOOLEAN SeSinglePrivilegeCheck(LUID privilege, KPROCESSOR_MODE mode)
{
    MODEL_USER user = ModelThread()->process->user;
    ModelRequireIrql("SeSinglePrivilegeCheck", PASSIVE_LEVEL);
    if (privilege.LowPart != SE_DEBUG_PRIVILEGE || privilege.HighPart != 0) {
        ModelFail("SeSinglePrivilegeCheck: only SeDebugPrivilege is modelled");
    }
    return mode == KernelMode || user == ModelUserSystem || user == ModelUserAdministrator;
}

NTSTATUS ZwSetSecurityObject(HANDLE handle, SECURITY_INFORMATION information, PSECURITY_DESCRIPTOR descriptor)
{
    ModelRequireIrql("ZwSetSecurityObject", PASSIVE_LEVEL);
    if (information != DACL_SECURITY_INFORMATION) {
        ModelFail("ZwSetSecurityObject: only the DACL is modelled");
    }
    if (ModelFault("ZwSetSecurityObject")) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ModelLock();
    MODEL_HANDLE *entry = ModelFindHandleLocked(ModelHandleProcess(handle), handle);
    NTSTATUS status = entry == NULL                        ? STATUS_INVALID_HANDLE
                      : (entry->access & WRITE_DAC) == 0   ? STATUS_ACCESS_DENIED
                                                           : STATUS_SUCCESS;
    if (NT_SUCCESS(status)) {
        status = ModelCopyDescriptor(descriptor, &entry->object->dacl, &entry->object->daclPresent);
    }
    ModelUnlock();
    return status;
}
