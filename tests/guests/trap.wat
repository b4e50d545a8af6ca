;; Hostile: traps.
(module
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next
      (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 7)) (i32.const -8)))
    (local.get $at))
  (func (export "warbler:plugin/lifecycle@0.1.0#init") (param i32 i32) (result i32) (i32.const 0))
  (func (export "warbler:plugin/content-filter@0.1.0#check") (param $message i32) (result i32)
    (unreachable))
  (func (export "cabi_post_warbler:plugin/content-filter@0.1.0#check") (param i32) (global.set $next (i32.const 4096))))
