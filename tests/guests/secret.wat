;; Good: holds every message, with the secret that the text names as the reason's text.
(module
  (import "warbler:plugin/secrets@0.1.0" "get" (func $secret (param i32 i32 i32)))
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 4096))
  ;; "some", or "some-" if there is none
  (data (i32.const 512) "some-")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next
      (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 7)) (i32.const -8)))
    (local.get $at))
  (func (export "warbler:plugin/lifecycle@0.1.0#init") (param i32 i32) (result i32) (i32.const 0))
  (func (export "warbler:plugin/content-filter@0.1.0#check") (param $message i32) (result i32)
    ;; ok(decision { verdict: hold(reason { code, text }), findings: [] }), built at address 64
    (i32.store8 (i32.const 72) (i32.const 4))
    (i64.store (i32.const 260) (i64.const 0))
    (call $secret (i32.load offset=80 (local.get $message)) (i32.load offset=84 (local.get $message)) (i32.const 256))
    (i32.store (i32.const 80) (i32.const 512))
    (i32.store (i32.const 84) (i32.add (i32.const 4) (i32.eqz (i32.load8_u (i32.const 256)))))
    (i32.store (i32.const 88) (i32.load (i32.const 260)))
    (i32.store (i32.const 92) (i32.load (i32.const 264)))
    (i32.const 64))
  (func (export "cabi_post_warbler:plugin/content-filter@0.1.0#check") (param i32) (global.set $next (i32.const 4096))))
