;; Good: the provider is away for as many milliseconds as a u64 holds.
(module
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 8192))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next
      (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 7)) (i32.const -8)))
    ;; Grows in whole pages, as far as it may.
    (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))) (then
      (if (i32.eq (memory.grow (i32.add (i32.shr_u (local.get 3) (i32.const 16)) (i32.const 1))) (i32.const -1))
        (then (unreachable)))))
    (local.get $at))
  (func (export "warbler:plugin/lifecycle@0.1.0#init") (param i32 i32) (result i32) (i32.const 0))
  (func (export "warbler:plugin/push@0.1.0#deliver") (param $batch i32) (param $count i32) (result i32)
    ;; err(unavailable(max))
    (i32.store8 (i32.const 64) (i32.const 1))
    (i64.store (i32.const 80) (i64.const -1))
    (i32.const 64))
  (func (export "cabi_post_warbler:plugin/push@0.1.0#deliver") (param i32) (global.set $next (i32.const 8192))))
