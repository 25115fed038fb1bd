/*
 * sal.h - the source annotation language, as nothing. MSVC and the WDK's Code Analysis read the annotations; the host
 * harness checks the same facts when the code runs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HARNESS_SAL_H
#define HARNESS_SAL_H

#define _In_
#define _In_opt_
#define _In_z_
#define _In_opt_z_
#define _In_range_(low, high)
#define _In_reads_(count)
#define _In_reads_opt_(count)
#define _In_reads_bytes_(count)
#define _In_reads_bytes_opt_(count)
#define _In_reads_z_(count)
#define _Out_
#define _Out_opt_
#define _Out_writes_(count)
#define _Out_writes_opt_(count)
#define _Out_writes_z_(count)
#define _Out_writes_bytes_(count)
#define _Out_writes_bytes_opt_(count)
#define _Out_writes_bytes_to_(count, written)
#define _Out_writes_bytes_to_opt_(count, written)
#define _Out_writes_to_(count, written)
#define _Out_writes_bytes_all_(count)
#define _Out_range_(low, high)
#define _Outptr_
#define _Outptr_opt_
#define _Outptr_result_maybenull_
#define _Outptr_result_bytebuffer_(count)
#define _Outref_
#define _Inout_
#define _Inout_opt_
#define _Inout_updates_(count)
#define _Inout_updates_bytes_(count)
#define _Inout_updates_bytes_opt_(count)
#define _Pre_
#define _Pre_notnull_
#define _Pre_maybenull_
#define _Pre_valid_
#define _Pre_satisfies_(condition)
#define _Post_
#define _Post_notnull_
#define _Post_maybenull_
#define _Post_satisfies_(condition)
#define _Post_writable_byte_size_(count)
#define _Post_ptr_invalid_
#define _Post_invalid_
#define _Ret_
#define _Ret_maybenull_
#define _Ret_notnull_
#define _Ret_z_
#define _Ret_range_(low, high)
#define _Ret_writes_(count)
#define _Ret_writes_bytes_(count)
#define _Ret_writes_maybenull_(count)
#define _Ret_writes_bytes_maybenull_(count)
#define _Field_size_(count)
#define _Field_size_bytes_(count)
#define _Field_range_(low, high)
#define _Field_z_
#define _Null_terminated_
#define _Notnull_
#define _Maybenull_
#define _Reserved_
#define _Const_
#define _Use_decl_annotations_
#define _Check_return_
#define _Must_inspect_result_
#define _Success_(condition)
#define _On_failure_(annotation)
#define _When_(condition, annotation)
#define _At_(target, annotation)
#define _At_buffer_(target, iterator, bound, annotation)
#define _Analysis_assume_(condition) ((void)0)
#define _Analysis_noreturn_
#define _Printf_format_string_
#define _Points_to_data_
#define _Interlocked_operand_
#define _Literal_
#define _Notliteral_
#define _Strict_type_match_
#define _Struct_size_bytes_(size)
#define _Function_class_(name)
#define _Dispatch_type_(major)
#define _Kernel_entry_
#define _Kernel_clear_do_init_(answer)
#define _IRQL_always_function_max_(irql)
#define _IRQL_always_function_min_(irql)
#define _IRQL_is_cancel_
#define _IRQL_limited_to_(irql)
#define _IRQL_raises_(irql)
#define _IRQL_requires_(irql)
#define _IRQL_requires_max_(irql)
#define _IRQL_requires_min_(irql)
#define _IRQL_requires_same_
#define _IRQL_restores_
#define _IRQL_restores_global_(kind, param)
#define _IRQL_saves_
#define _IRQL_saves_global_(kind, param)
#define _IRQL_uses_cancel_
#define _Acquires_lock_(lock)
#define _Acquires_exclusive_lock_(lock)
#define _Acquires_shared_lock_(lock)
#define _Acquires_nonreentrant_lock_(lock)
#define _Releases_lock_(lock)
#define _Releases_exclusive_lock_(lock)
#define _Releases_shared_lock_(lock)
#define _Releases_nonreentrant_lock_(lock)
#define _Requires_lock_held_(lock)
#define _Requires_exclusive_lock_held_(lock)
#define _Requires_lock_not_held_(lock)
#define _Requires_no_locks_held_
#define _Guarded_by_(lock)
#define _Write_guarded_by_(lock)
#define _Interlocked_
#define _Has_lock_kind_(kind)
#define _Lock_level_order_(a, b)
#define _Post_same_lock_(a, b)
#define _Create_lock_level_(level)
#define _Has_lock_level_(level)
#define __drv_aliasesMem
#define __drv_freesMem(kind)
#define __drv_allocatesMem(kind)
#define __drv_strictType(type, mode)
#define __drv_strictTypeMatch(mode)
#define __drv_functionClass(name)
#define __drv_dispatchType(major)
#define __drv_maxIRQL(irql)
#define __drv_sameIRQL
#define __drv_requiresIRQL(irql)
#define _Enum_is_bitflag_
#define _Flexible_array_

#endif
