//! A model that computes elsewhere: the same answers, whatever happens to the connection, and a server that nothing ends.

mod echo;
pub mod lessons;
mod process;
mod raw;
pub mod server;

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prosector::engine::{Engine, Event, Request};
use prosector::models::{ModelError, PromptedResult, ScanKey, Segmenter};
use prosector::prompt::Asked;
use prosector::remote::{Address, RemoteSegmenter, Token};
use prosector::util::{CancelToken, JobContext};
use prosector::volume::{ImageVolume, Mask, VoxelData};

use echo::{FAILS, SLOW, WAITS, asked, everything, image};
use server::{PATIENCE, Served, Way, local, loopback, reaches, saying};

const KEY: ScanKey = ScanKey(7);

fn ctx() -> JobContext {
    JobContext::silent()
}

/// Asserts that an answer is the same to the last bit.
fn assert_same(here: &PromptedResult, there: &PromptedResult) {
    assert!(here.mask == there.mask, "the mask");
    assert_eq!(here.estimate, there.estimate);
    assert_eq!(here.structure, there.structure);
    assert_eq!(here.warnings, there.warnings);
    let (here, there) = (&here.insight, &there.insight);
    let (here, there) = (here.as_ref().unwrap(), there.as_ref().unwrap());
    assert!(here.certainty == there.certainty);
    assert_eq!(here.evidence.traits, there.evidence.traits);
    assert_eq!(here.evidence.look, there.evidence.look);
}

fn in_own_thread<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    let thread = std::thread::Builder::new().name("client".to_owned());
    thread.spawn(job).unwrap()
}

fn failure<T>(result: Result<T, ModelError>) -> String {
    match result {
        Ok(_) => panic!("it was answered"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_asked_and_answered_arrives_to_the_last_bit() {
    let served = Served::start("");
    let (there, here) = (served.client(), local());
    assert_eq!(there.card(), here.card());
    assert_eq!(there.device().kind, "remote");
    let place = format!("127.0.0.1:{}: cpu (an echo)", served.port);
    assert_eq!(there.device().name, place);
    let scan = image(3);
    for asked in [asked(8), everything(&scan)] {
        let answers = [&here as &dyn Segmenter, &there]
            .map(|model| model.segment_asked(&scan, KEY, &asked, &ctx()).unwrap());
        assert!(answers[0].mask.count() > 20);
        assert_same(&answers[0], &answers[1]);
        let previews = [&here as &dyn Segmenter, &there]
            .map(|model| model.preview(&scan, KEY, &asked, &ctx()).unwrap());
        assert!(previews[0] == previews[1], "the preview");
    }
    let structure = |called: &str| {
        let named = Asked {
            called: Some(called.to_owned()),
            ..asked(8)
        };
        let answer = there.segment_asked(&scan, KEY, &named, &ctx());
        answer.unwrap().structure
    };
    assert_eq!(structure("Heard").as_deref(), Some("heard"));
    assert_eq!(structure("lesion of somebody"), None, "the name stays here");
    let nothing = Asked {
        prior: Some(Arc::new(Mask::empty(*scan.grid()))),
        prompts: everything(&scan).prompts.first(0),
        ..Asked::default()
    };
    assert_eq!(
        there.preview(&scan, KEY, &nothing, &ctx()).unwrap().count(),
        0
    );

    let wanted = ["heard".to_owned()];
    let found = [&here as &dyn Segmenter, &there].map(|model| {
        model
            .segment_auto(&scan, KEY, Some(&wanted), &ctx())
            .unwrap()
    });
    let [here, there] = &found;
    assert!(here.labels == there.labels && here.labels.counts().len() == 1);
    assert_eq!(here.table, there.table);
    assert_eq!(here.estimate, there.estimate);
    assert_eq!(here.nothing, there.nothing);
    assert_eq!(here.warnings, there.warnings);
    let [here, there] = [here, there].map(|found| found.insight.as_ref().unwrap());
    assert!(here.certainty == there.certainty);
    let [here, there] = [here, there].map(|insight| &insight.structures[0]);
    assert_eq!((&here.name, here.volume_ml), (&there.name, there.volume_ml));
    assert_eq!(here.expected_dice, there.expected_dice);
    assert_eq!(here.evidence.traits, there.evidence.traits);
}

#[test]
fn a_scan_goes_over_once_and_a_click_costs_little() {
    let served = Served::start("");
    let model = served.client();
    let scan = image(4);
    let bytes_of = |what: &dyn Fn()| {
        let [before, _] = model.bytes();
        what();
        model.bytes()[0] - before
    };
    let click = || {
        model.segment_asked(&scan, KEY, &asked(8), &ctx()).unwrap();
    };
    let (first, second) = (bytes_of(&click), bytes_of(&click));
    assert!(first > 3000, "the scan goes over: {first}");
    assert!(second < 500, "a click costs {second} bytes");
    // Forgotten here, there is nothing left there either, and it is sent again.
    model.drop_caches();
    assert_eq!(bytes_of(&click), first);
    reaches(&served.dropped, 1);
    // Of five scans more the oldest were forgotten.
    for key in 10..15 {
        model
            .segment_asked(&image(9), ScanKey(key), &asked(8), &ctx())
            .unwrap();
    }
    assert!(bytes_of(&click) >= first);
}

#[test]
fn what_a_client_sent_is_forgotten_when_it_leaves() {
    let served = Served::start("");
    let model = served.client();
    model
        .segment_asked(&image(5), KEY, &asked(8), &ctx())
        .unwrap();
    assert_eq!(served.dropped.load(Ordering::SeqCst), 0);
    drop(model);
    reaches(&served.dropped, 1);
}

#[test]
fn refusals_of_the_model_are_told_and_prompts_beside_the_scan_are_not_sent() {
    let served = Served::start("");
    let model = served.client();
    let (scan, [before, _]) = (image(6), model.bytes());
    let beside = failure(model.segment_asked(&scan, KEY, &asked(24), &ctx()));
    assert!(beside.contains("is outside the scan"), "{beside}");
    let wanted = ["spleen".to_owned()];
    let unknown = failure(model.segment_auto(&scan, KEY, Some(&wanted), &ctx()));
    assert!(unknown.contains("no structure 'spleen'"), "{unknown}");
    let others = [Arc::new(image(6))];
    let many = failure(model.segment_auto_of(&scan, &others, KEY, None, &ctx()));
    assert!(many.contains("takes one image"), "{many}");
    assert_eq!(model.bytes()[0], before, "nothing was sent");
    let refused = failure(model.segment_asked(&scan, KEY, &asked(FAILS), &ctx()));
    assert_eq!(refused, "not this scan");
}

#[test]
fn a_click_goes_before_an_automatic_run_there_too() {
    let served = Served::start("");
    let address = loopback(served.port);
    let engine = Engine::start(
        move || {
            let model = RemoteSegmenter::connect(&address, None, Token::default())?;
            Ok(Box::new(model) as Box<dyn Segmenter>)
        },
        || {},
    );
    let scan = Arc::new(image(7));
    let auto = engine.submit(Request::Auto {
        scan: KEY,
        image: Arc::clone(&scan),
        others: Vec::new(),
        structures: Some(vec![SLOW.to_owned()]),
    });
    let next = || engine.events().recv_timeout(PATIENCE).unwrap();
    while !matches!(next(), Event::Progress { stage, .. } if stage == "waiting") {}
    let click = engine.submit(Request::Prompt {
        scan: KEY,
        image: Arc::clone(&scan),
        asked: asked(8),
    });
    let ended = || loop {
        match next() {
            Event::FinishedAuto { id, .. } | Event::FinishedPrompt { id, .. } => return id,
            Event::Failed { message, .. } => panic!("{message}"),
            _ => {}
        }
    };
    assert_eq!(ended(), click, "while the automatic run waits");
    served.gate.send(()).unwrap();
    assert_eq!(ended(), auto);
}

#[test]
fn clients_do_not_disturb_each_other() {
    let served = Served::start("");
    let slow = served.client();
    let held = in_own_thread(move || {
        let (scan, asked) = (image(1), asked(WAITS));
        let there = slow.segment_asked(&scan, KEY, &asked, &ctx()).unwrap();
        (there.mask, scan)
    });
    // The same key, other scans: nobody is given another's answer.
    let clients: Vec<_> = (20..23)
        .map(|seed| {
            let client = served.client();
            in_own_thread(move || {
                let scan = image(seed);
                for i in 5..12 {
                    let here = local()
                        .segment_asked(&scan, KEY, &asked(i), &ctx())
                        .unwrap();
                    let there = client.segment_asked(&scan, KEY, &asked(i), &ctx()).unwrap();
                    assert_same(&here, &there);
                }
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(100));
    served.gate.send(()).unwrap();
    let (there, scan) = held.join().unwrap();
    let open = crossbeam_channel::bounded(1);
    open.0.send(()).unwrap();
    let here = echo::Echo::new(open.1).segment_asked(&scan, KEY, &asked(WAITS), &ctx());
    assert!(
        there == here.unwrap().mask,
        "the newer clicks were of others"
    );
    clients.into_iter().for_each(|c| c.join().unwrap());
}

#[test]
fn what_is_cancelled_here_stops_there() {
    let served = Served::start("");
    let model = served.client();
    let (scan, cancel) = (image(8), CancelToken::default());
    let told = Arc::new(AtomicUsize::new(0));
    let (counter, stop) = (Arc::clone(&told), cancel.clone());
    let ctx = JobContext::new(cancel, move |_, stage| {
        if stage == "waiting" {
            counter.fetch_add(1, Ordering::SeqCst);
            stop.cancel();
        }
    });
    let ended = model.segment_asked(&scan, KEY, &asked(WAITS), &ctx);
    assert!(matches!(ended, Err(ModelError::Cancelled(_))));
    assert!(told.load(Ordering::SeqCst) > 0, "its progress is told");
    reaches(&served.stopped, 1);
    let next = model.segment_asked(&scan, KEY, &asked(8), &self::ctx());
    assert!(next.unwrap().mask.count() > 0);
}

#[test]
fn a_connection_that_breaks_is_an_error_and_the_next_click_connects_anew() {
    let served = Served::start("");
    let way = Arc::new(Way::to(served.port));
    let model = RemoteSegmenter::connect(&loopback(way.port), None, Token::default()).unwrap();
    let (scan, cut) = (image(9), Arc::clone(&way));
    let waiting = JobContext::new(CancelToken::default(), move |_, stage| {
        if stage == "waiting" {
            cut.cut();
        }
    });
    let lost = failure(model.segment_asked(&scan, KEY, &asked(WAITS), &waiting));
    let place = format!("the connection to 127.0.0.1:{} was lost", way.port);
    assert!(lost.contains(&place), "{lost}");
    assert!(lost.contains("nothing was changed here"), "{lost}");
    // Who serves computes for nobody who is gone.
    reaches(&served.stopped, 1);
    let here = local()
        .segment_asked(&scan, KEY, &asked(8), &ctx())
        .unwrap();
    let there = model.segment_asked(&scan, KEY, &asked(8), &ctx()).unwrap();
    assert_same(&here, &there);
}

#[test]
fn whoever_is_no_server_is_told_so() {
    let refusal = |address: &Address, token: &str| {
        failure(RemoteSegmenter::connect(address, None, Token::new(token)))
    };
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let said = refusal(&loopback(port), "");
    assert!(said.contains("nothing listens there"), "{said}");
    for (answer, reason) in [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            "is not `prosector serve`",
        ),
        (b"SSH".to_vec(), "closed it"),
        (
            raw::greeting(raw::VERSION + 1),
            "install the same Prosector on both machines",
        ),
    ] {
        let said = refusal(&loopback(saying(answer)), "");
        assert!(said.contains(reason), "{said} does not say {reason}");
    }
    let served = Served::start("between us");
    for token in ["", "between you"] {
        let said = refusal(&loopback(served.port), token);
        assert!(said.contains("the tokens differ"), "{said}");
        assert!(said.contains("PROSECTOR_REMOTE_TOKEN"), "{said}");
    }
    let token = || Token::new("between us");
    let client = RemoteSegmenter::connect(&loopback(served.port), Some("echo"), token());
    assert!(client.is_ok());
    let other = RemoteSegmenter::connect(&loopback(served.port), Some("box"), token());
    let said = failure(other);
    assert!(
        said.contains("'echo' is served, and 'box' is wanted"),
        "{said}"
    );
}

#[test]
fn a_server_lives_through_nonsense() {
    let served = Served::start("");
    let port = served.port;
    let fresh = || {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    // Not even a greeting; another version; no token.
    assert!(raw::closes(fresh(), b"GET / HTTP/1.1\r\n\r\n"));
    assert!(raw::closes(fresh(), &raw::greeting(raw::VERSION + 1)));
    let wrong = [&raw::greeting(raw::VERSION)[..], &[0; 32]].concat();
    assert!(raw::closes(fresh(), &wrong));
    drop(fresh());

    let form = |dims: &str, dtype: &str| {
        let one = 1f64.to_bits();
        format!(
            r#"{{"scan":{{"scan":1,"form":{{"grid":{{"dims":{dims},"rows":[[{one},0,0,0],[0,{one},0,0],[0,0,{one},0]],"sides_assumed":false}},"dtype":"{dtype}","slope":{one},"intercept":0,"modality":"ct","is_over_time":false,"frame_ms":null}}}}}}"#
        )
    };
    let packed = |bytes: &[u8]| {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    };
    let small = raw::frame(&form("[2,2,1]", "uint8"), &[]);
    let piece = |bytes: &[u8]| raw::frame(r#"{"piece":{"scan":1}}"#, &[&packed(bytes)]);
    let prompt = |clicks: &str| {
        let header = format!(
            r#"{{"prompt":{{"job":1,"scan":1,"is_preview":false,"asked":{{"clicks":{clicks},"target_box":null,"drawings":[],"has_prior":false,"has_others":false,"alike":[],"size":"any"}}}}}}"#
        );
        raw::frame(&header, &[])
    };
    let with_scan = |then: &[u8]| [&small[..], &piece(&[1; 4]), then].concat();
    let hostile = [
        b"\xff\xff\xff\xff\0\0\0\0".to_vec(),
        [
            &2u32.to_le_bytes()[..],
            &1u32.to_le_bytes(),
            &u64::MAX.to_le_bytes(),
        ]
        .concat(),
        [&2u32.to_le_bytes()[..], &u32::MAX.to_le_bytes()].concat(),
        raw::frame("[[[[[[", &[]),
        raw::frame(r#"{"format":"c:"}"#, &[]),
        raw::frame(&form("[1000000,1000000,1000000]", "uint8"), &[]),
        raw::frame(&form("[18446744073709551615,2,2]", "uint8"), &[]),
        raw::frame(&form("[0,2,2]", "uint8"), &[]),
        raw::frame(&form("[2,2,1]", "patient"), &[]),
        [&small[..], &raw::frame(r#"{"piece":{"scan":1}}"#, &[])].concat(),
        [
            &small[..],
            &raw::frame(r#"{"piece":{"scan":1}}"#, &[b"unpacked"]),
        ]
        .concat(),
        [&small[..], &piece(&vec![0; 100 << 20])].concat(),
        with_scan(&piece(&[1])),
        with_scan(&prompt("[[[9223372036854775807,0,0],true]]")),
    ];
    for (n, said) in hostile.iter().enumerate() {
        assert!(raw::closes(raw::greeted(port), said), "{n}");
    }
    // What is only wrong is answered.
    let answered = |said: Vec<u8>, reason: &str| {
        let mut stream = raw::greeted(port);
        stream.write_all(&said).unwrap();
        let told = loop {
            let told = raw::header(&mut stream);
            if told != "\"beat\"" {
                break told;
            }
        };
        assert!(told.contains(reason), "{told} does not say {reason}");
    };
    answered(prompt("[]"), "missing");
    answered(with_scan(&prompt("[[[0,0,0],true]]")), "prompted");
    let channels = r#"{"auto":{"job":1,"scans":[1,2],"structures":null}}"#;
    answered(with_scan(&raw::frame(channels, &[])), "missing");
    // A panic in the model is one line for who asked.
    answered(
        with_scan(&prompt("[[[7,0,0],true]]")),
        "stopped unexpectedly",
    );

    let scan = image(11);
    let there = served.client().segment_asked(&scan, KEY, &asked(8), &ctx());
    let here = local().segment_asked(&scan, KEY, &asked(8), &ctx());
    assert_same(&here.unwrap(), &there.unwrap());
}

#[test]
fn a_cancelled_upload_goes_on_where_it_stopped() {
    let served = Served::start("");
    let model = served.client();
    let small = image(12);
    let grid = prosector::volume::Grid::new([256, 256, 60], small.grid().affine);
    let noise = |n: usize| (n as u32).wrapping_mul(2_654_435_761) as i32;
    let voxels = VoxelData::I32((0..grid.len()).map(noise).collect());
    let scan = ImageVolume::new(grid, voxels, small.rescale(), small.modality());
    let cancel = CancelToken::default();
    let stop = cancel.clone();
    let stopping = JobContext::new(cancel, move |fraction, stage| {
        if stage == "sending the scan" && fraction > 0.3 {
            stop.cancel();
        }
    });
    let ended = model.segment_asked(&scan, KEY, &asked(8), &stopping);
    assert!(matches!(ended, Err(ModelError::Cancelled(_))));
    let [sent, _] = model.bytes();
    let there = model.segment_asked(&scan, KEY, &asked(8), &ctx()).unwrap();
    let here = local()
        .segment_asked(&scan, KEY, &asked(8), &ctx())
        .unwrap();
    assert_same(&here, &there);
    let [all, _] = model.bytes();
    assert!(sent > all / 3 && sent < all * 2 / 3, "{sent} of {all}");
}
