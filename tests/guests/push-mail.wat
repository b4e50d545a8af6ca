;; Good: hands each notification to the mail relay `office` as a letter (to its address, its title the subject, its
;; body the text, its identifier the letter's), and says what came of it: accepted with the `Message-ID`, retry after
;; as many milliseconds as `unavailable` says, gone for an unknown mailbox, and rejected with the words of all else.
(module
  (import "warbler:plugin/mail@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (data (i32.const 512) "office")
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
  (func (export "warbler:plugin/push@0.1.0#deliver") (param $batch i32) (param $count i32) (result i32)
    (local $at i32)
    (local $to i32)
    (local $case i32)
    (local.set $at (local.get $batch))
    (local.set $to (i32.const 1024))
    (i32.store (i32.const 72) (i32.const 1024))
    (i32.store (i32.const 76) (local.get $count))
    (block $done (loop $again
      (br_if $done (i32.eqz (local.get $count)))
      ;; A notification: id at 0, the endpoint's address at 24, title at 40, body at 48; 104 bytes in all.
      (call $send (i32.const 512) (i32.const 6)
        (i32.load offset=24 (local.get $at)) (i32.load offset=28 (local.get $at))
        (i32.load offset=40 (local.get $at)) (i32.load offset=44 (local.get $at))
        (i32.load offset=48 (local.get $at)) (i32.load offset=52 (local.get $at))
        (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))
        (i32.const 128))
      (memory.fill (local.get $to) (i32.const 0) (i32.const 24))
      ;; The result at 128: its case, and from 136 on either two strings, or an error's case and from 144 on its value.
      (local.set $case (i32.load8_u (i32.const 136)))
      (if (i32.eqz (i32.load8_u (i32.const 128))) (then
          (i32.store8 offset=8 (local.get $to) (i32.const 1))
          (i64.store offset=12 align=4 (local.get $to) (i64.load (i32.const 136))))
        (else (if (i32.eq (local.get $case) (i32.const 4)) (then
            (i32.store8 (local.get $to) (i32.const 1))
            (i64.store offset=8 (local.get $to) (i64.load (i32.const 144))))
          (else (if (i32.eq (local.get $case) (i32.const 2)) (then
              (i32.store8 (local.get $to) (i32.const 2)))
            (else
              (i32.store8 (local.get $to) (i32.const 3))
              (i64.store offset=8 align=4 (local.get $to) (i64.load (i32.const 144)))))))))
      (local.set $at (i32.add (local.get $at) (i32.const 104)))
      (local.set $to (i32.add (local.get $to) (i32.const 24)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $again)))
    (i32.const 64))
  (func (export "cabi_post_warbler:plugin/push@0.1.0#deliver") (param i32) (global.set $next (i32.const 8192))))
