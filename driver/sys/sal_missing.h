/*
 * sal_missing.h - annotations that the WDK's headers have and mingw's have not: they mean nothing to other compilers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTSYS_SAL_MISSING_H
#define EVENTSYS_SAL_MISSING_H

#ifndef _In_
#define _In_
#endif
#ifndef _In_opt_
#define _In_opt_
#endif
#ifndef _In_z_
#define _In_z_
#endif
#ifndef _In_reads_
#define _In_reads_(count)
#endif
#ifndef _In_reads_bytes_
#define _In_reads_bytes_(count)
#endif
#ifndef _Out_
#define _Out_
#endif
#ifndef _Out_opt_
#define _Out_opt_
#endif
#ifndef _Out_writes_bytes_
#define _Out_writes_bytes_(count)
#endif
#ifndef _Out_writes_z_
#define _Out_writes_z_(count)
#endif
#ifndef _Outptr_
#define _Outptr_
#endif
#ifndef _Inout_
#define _Inout_
#endif
#ifndef _Inout_opt_
#define _Inout_opt_
#endif
#ifndef _Must_inspect_result_
#define _Must_inspect_result_
#endif
#ifndef _Use_decl_annotations_
#define _Use_decl_annotations_
#endif
#ifndef _Printf_format_string_
#define _Printf_format_string_
#endif
#ifndef _Function_class_
#define _Function_class_(name)
#endif
#ifndef _Dispatch_type_
#define _Dispatch_type_(type)
#endif
#ifndef _IRQL_requires_max_
#define _IRQL_requires_max_(irql)
#endif
#ifndef _IRQL_requires_
#define _IRQL_requires_(irql)
#endif
#ifndef _IRQL_requires_same_
#define _IRQL_requires_same_
#endif
#ifndef _Requires_lock_held_
#define _Requires_lock_held_(lock)
#endif
#ifndef DECLSPEC_ALIGN
#define DECLSPEC_ALIGN(bytes) __attribute__((aligned(bytes)))
#endif
#ifndef C_ASSERT
#define C_ASSERT(condition) _Static_assert(condition, #condition)
#endif
#ifndef RTL_NUMBER_OF
#define RTL_NUMBER_OF(array) (sizeof(array) / sizeof((array)[0]))
#endif

#endif /* EVENTSYS_SAL_MISSING_H */
