/*
 * security.c - security descriptors by hand: the kernel has no exported SDDL parser.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

/* A SID with room for two subauthorities; SECURITY_NT_AUTHORITY. */
typedef struct ES_SID {
    UCHAR Revision;
    UCHAR SubAuthorityCount;
    UCHAR Authority[6];
    ULONG SubAuthority[2];
} ES_SID;

static const ES_SID SidSystem = {1, 1, {0, 0, 0, 0, 0, 5}, {18, 0}};              /* S-1-5-18 */
static const ES_SID SidAdministrators = {1, 2, {0, 0, 0, 0, 0, 5}, {32, 544}};    /* S-1-5-32-544 */
static const ES_SID SidAuthenticatedUsers = {1, 1, {0, 0, 0, 0, 0, 5}, {11, 0}};  /* S-1-5-11 */

/* D:P(A;;system;;;SY)(A;;system;;;BA)(A;;user;;;AU). IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsSecurityBuild(ES_SECURITY *Security, ACCESS_MASK SystemAccess, ACCESS_MASK UserAccess)
{
    PACL acl = (PACL)Security->Acl;
    NTSTATUS status = RtlCreateAcl(acl, sizeof(Security->Acl), ACL_REVISION);

    if (NT_SUCCESS(status)) {
        status = RtlAddAccessAllowedAce(acl, ACL_REVISION, SystemAccess, (PSID)(ULONG_PTR)&SidSystem);
    }
    if (NT_SUCCESS(status)) {
        status = RtlAddAccessAllowedAce(acl, ACL_REVISION, SystemAccess, (PSID)(ULONG_PTR)&SidAdministrators);
    }
    if (NT_SUCCESS(status)) {
        status = RtlAddAccessAllowedAce(acl, ACL_REVISION, UserAccess, (PSID)(ULONG_PTR)&SidAuthenticatedUsers);
    }
    if (NT_SUCCESS(status)) {
        status = RtlCreateSecurityDescriptor(&Security->Descriptor, SECURITY_DESCRIPTOR_REVISION);
    }
    if (NT_SUCCESS(status)) {
        status = RtlSetDaclSecurityDescriptor(&Security->Descriptor, TRUE, acl, FALSE);
    }
    if (NT_SUCCESS(status)) {
        Security->Descriptor.Control |= SE_DACL_PROTECTED;
    }
    return status;
}
