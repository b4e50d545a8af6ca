;; Crime: hands the same letter to the mail relay `office` for ever.
(module
  (import "warbler:plugin/mail@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (data (i32.const 512) "office")
  (data (i32.const 520) "li@example.com")
  (data (i32.const 536) "n")
  (memory (export "memory") 8)
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
  (func (export "warbler:plugin/push@0.1.0#deliver") (param i32 i32) (result i32)
    (loop $again
      (call $send (i32.const 512) (i32.const 6) (i32.const 520) (i32.const 14) (i32.const 536) (i32.const 1)
        (i32.const 536) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 536) (i32.const 1)
        (i32.const 128))
      (global.set $next (i32.const 8192))
      (br $again))
    (unreachable))
  (func (export "cabi_post_warbler:plugin/push@0.1.0#deliver") (param i32)))
