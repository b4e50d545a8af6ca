;; Good: gets the URL that a text is, with a secret in a header, and holds the message with what came back:
;; the code says which case, the text is the body or the reason.
(module
  (import "warbler:plugin/http@0.1.0" "fetch"
    (func $fetch (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 4096))
  (data (i32.const 512) "GET")
  (data (i32.const 520) "authorization")
  (data (i32.const 534) "Bearer {{secret:token}}")
  (data (i32.const 560) "\08\02\00\00\0d\00\00\00\16\02\00\00\17\00\00\00")
  (data (i32.const 640) "denied      timeout     unreachable too-large   ok          ")
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
    ;; fetch({ "GET", text, [("authorization", "Bearer {{secret:token}}")], [], 0 }), its result at address 256
    (call $fetch (i32.const 512) (i32.const 3)
      (i32.load offset=80 (local.get $message)) (i32.load offset=84 (local.get $message))
      (i32.const 560) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
    (if (i32.load8_u (i32.const 256))
      (then
        ;; The names of the four errors are 12 bytes apart.
        (i32.store (i32.const 80)
          (i32.add (i32.const 640) (i32.mul (i32.const 12) (i32.load8_u (i32.const 264)))))
        (i32.store (i32.const 84) (i32.const 12))
        ;; Of the four, the first and the third carry words.
        (if (i32.eqz (i32.and (i32.load8_u (i32.const 264)) (i32.const 1))) (then
          (i64.store (i32.const 88) (i64.load (i32.const 272))))))
      (else
        (i32.store (i32.const 80) (i32.const 688))
        (i32.store (i32.const 84) (i32.const 12))
        (i64.store (i32.const 88) (i64.load (i32.const 276)))))
    (i32.const 64))
  (func (export "cabi_post_warbler:plugin/content-filter@0.1.0#check") (param i32) (global.set $next (i32.const 4096))))
