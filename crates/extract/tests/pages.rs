//! Whole pages, written for these tests: what must come out, and what must not.

use extract::{Limits, Page};

fn page(html: &str) -> Page {
    extract::page(html, &Limits::default())
}

const ARTICLE: &str = r##"<!doctype html><html lang="de"><head><title>Herzinfarkt: Ursachen und Behandlung | Beispielklinik</title>
<meta property="og:type" content="article"><meta property="og:site_name" content="Beispielklinik">
<meta property="article:published_time" content="2024-03-05T10:00:00+01:00"></head><body class="single has-sidebar">
<header class="site-header"><a href="/">Beispielklinik</a><nav><ul><li><a href="/a">Aktuelles</a><li><a href="/k">Kontakt</a></ul></nav></header>
<div class="cookie-banner"><p>Wir verwenden Cookies, um Ihnen die bestmögliche Erfahrung auf unserer Website zu bieten. Mehr dazu.</p></div>
<main><article class="post"><h1>Herzinfarkt: Ursachen und Behandlung</h1><p class="byline">Von der Redaktion, 5. März 2024</p>
<div class="share-buttons"><a href="#">Teilen</a> <a href="#">Merken</a></div>
<div class="entry-content"><p>Ein Herzinfarkt entsteht, wenn ein Herzkranzgefäß verstopft und der Muskel dahinter keinen Sauerstoff bekommt.</p>
<h2>Laborwerte</h2><p>Troponin &gt; 14&nbsp;ng/l spricht dafür, ebenso Leukozyten &ge; 11 &times; 10<sup>9</sup>/l; CO<sub>2</sub> bleibt oft normal.</p>
<ul><li>Druck in der Brust</li><li>Atemnot, auch in Ruhe</li></ul>
<table><tr><th>Wert</th><th>Grenze</th></tr><tr><td>α-Amylase</td><td>&lt; 100 U/l</td></tr></table>
<p>Lesen Sie auch: <a href="/x">Vorhofflimmern, was nun zu tun ist und was nicht</a></p>
<p>Behandelt wird mit einem Katheter, der das Gefäß öffnet, und mit Medikamenten, die das Gerinnsel auflösen.</p></div>
<section class="related"><h3>Das könnte Sie auch interessieren</h3><a href="/1">Schlaganfall erkennen und richtig handeln</a></section>
<section id="comments"><h3>Kommentare</h3><p>Danke für den sehr hilfreichen Artikel, er hat mir wirklich weitergeholfen, als ich ihn brauchte.</p></section>
</article></main><aside class="sidebar"><p>Unsere Sprechstunde ist montags bis freitags von acht bis zwölf Uhr geöffnet.</p></aside>
<footer><p>© Beispielklinik, Impressum und Datenschutz, alle Angaben ohne Gewähr auf Vollständigkeit.</p></footer></body></html>"##;

#[test]
fn an_article_is_its_text_and_nothing_around_it() {
    let page = page(ARTICLE);
    assert_eq!(
        page.text,
        "Ein Herzinfarkt entsteht, wenn ein Herzkranzgefäß verstopft und der Muskel dahinter keinen Sauerstoff bekommt.\n\n\
         Laborwerte\n\nTroponin > 14 ng/l spricht dafür, ebenso Leukozyten ≥ 11 × 10⁹/l; CO₂ bleibt oft normal.\n\n\
         Druck in der Brust\nAtemnot, auch in Ruhe\n\nWert | Grenze\nα-Amylase | < 100 U/l\n\n\
         Behandelt wird mit einem Katheter, der das Gefäß öffnet, und mit Medikamenten, die das Gerinnsel auflösen."
    );
    assert_eq!(page.metadata.title.as_deref(), Some("Herzinfarkt: Ursachen und Behandlung"));
    assert_eq!((page.metadata.date.as_deref(), page.metadata.language.as_deref()), (Some("2024-03-05"), Some("de")));
}

#[test]
fn text_without_spaces_is_weighed_by_its_characters() {
    let html = "<title>心筋梗塞</title><body><div id=menu><a href=/>ホーム</a><a href=/b>診療科</a></div><div id=honbun>\
                <p>心筋梗塞とは、心臓に血液を送る冠動脈が詰まり、心筋が壊死する病気です。</p>\
                <p>症状は胸の痛み、冷や汗、吐き気などで、すぐに救急車を呼ぶ必要があります。</p></div>\
                <div class=footer>著作権は当院に帰属します。</div>";
    let text = page(html).text;
    assert!(text.starts_with("心筋梗塞とは") && text.ends_with("必要があります。"), "{text}");
}

#[test]
fn all_posts_of_a_thread_are_text() {
    let post =
        |text: &str| format!("<div class='forum-post'><div class=author>x</div><div class=message>{text}</div></div>");
    let posts = [
        "My father takes metformin 500 mg twice a day and wonders about the dose in the evening.",
        "Ask the doctor first, but taking it with the meal helped me against the nausea a lot.",
        "The leaflet says the same: with or after meals, and never a double dose for a forgotten one.",
        "Thank you all, he will try it with dinner from tomorrow on and report back next week.",
    ];
    let html = format!("<title>Metformin</title><body><nav><a href=/>Index</a></nav>{}", posts.map(post).concat());
    let text = page(&html).text;
    assert!(posts.iter().all(|post| text.contains(post)) && !text.contains("Index"), "{text}");
}

#[test]
fn what_is_not_shown_is_not_text() {
    let html = "<p>Shown, since it is a sentence of some length that anybody can read.</p>\
                <div style='display: none'>hidden one</div><p hidden>hidden two</p><script>var hidden = 3;</script>\
                <template><p>hidden four</p></template><noscript>hidden five</noscript><!-- hidden six -->";
    assert_eq!(page(html).text, "Shown, since it is a sentence of some length that anybody can read.");
}

/// Sizes that would take hours if any step were quadratic.
#[test]
fn hostile_pages_cost_what_they_weigh() {
    let pages = [
        "<div>".repeat(200_000),
        "<p class=lead>a".repeat(100_000),
        format!(
            "<h1>x</h1>{}<div><p>{}</div>",
            "<div>Some lead of a page that ends. ".repeat(300),
            "word, ".repeat(9000)
        ),
        "<b><p>".repeat(50_000),
        "<table><tr><td>".repeat(50_000),
        "<a href=x><h2>".repeat(50_000),
        format!("<p {}>x", "a=b ".repeat(200_000)),
        "&amp".repeat(200_000),
        "<!--".repeat(100_000),
        "<script><!--<script>".repeat(20_000),
        "<li class='comment related'><blockquote>text ".repeat(30_000),
    ];
    for html in pages {
        let whole = page(&html);
        assert!(whole.text.len() <= html.len() * 2);
        assert_eq!(whole, page(&html));
    }
    let cut = extract::page(&"<p>a".repeat(1000), &Limits { nodes: 100, ..Limits::default() });
    assert!(cut.cut && cut.text.len() < 400);
}

/// Frames of made-up sites, around what is tested.
fn site(title: &str, body: &str) -> String {
    let link = |name: &str| format!("<li><a href='/{name}'>{name}</a></li>");
    let menu: String = ["Home", "Departments", "Visitors", "Careers", "Contact"].map(link).concat();
    format!(
        "<!doctype html><html lang=en><head><title>{title} | Example Clinic</title></head><body>\
         <header class=site-header><a href=/>Example Clinic</a><nav><ul>{menu}</ul></nav></header>{body}\
         <footer class=site-footer><ul>{menu}</ul><p>© Example Clinic. All rights reserved. Privacy. Imprint.</p></footer></body></html>"
    )
}

fn has_all(text: &str, wanted: &[&str], unwanted: &[&str]) {
    for part in wanted {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
    for part in unwanted {
        assert!(!text.contains(part), "{part:?} is in {text:?}");
    }
}

#[test]
fn a_service_is_all_its_sections() {
    let section = |name: &str, text: &str| {
        format!("<section class='band band--{name}'><div class=container><h2>{name}</h2><p>{text}</p></div></section>")
    };
    let sections = [
        (
            "Knee surgery",
            "Our surgeons replace worn knee joints with implants that let most patients walk on the next day.",
        ),
        ("Hip surgery", "A new hip takes about an hour of surgery, and a stay of three nights is usual afterwards."),
        (
            "Rehabilitation",
            "Physiotherapists plan the weeks after the operation with you, at home or in our day clinic.",
        ),
        ("Second opinion", "Bring your images, and a senior physician will tell you whether surgery is needed at all."),
    ];
    let body: String = sections.iter().map(|(name, text)| section(name, text)).collect();
    let text = page(&site("Joint surgery", &format!("<main><h1>Joint surgery</h1>{body}</main>"))).text;
    let wanted: Vec<&str> = sections.iter().map(|(_, text)| *text).collect();
    has_all(&text, &wanted, &["Careers", "All rights reserved"]);
}

#[test]
fn a_product_is_its_description_and_its_data() {
    let body = "<main class=product><div class=product-gallery><img src=a.jpg></div><div class=product-summary>\
        <h1>Upper arm blood pressure monitor</h1><span class=price>€ 59.90</span><button>Add to cart</button></div>\
        <div class=product-description><h2>Description</h2><p>The monitor measures systolic and diastolic pressure and the \
        pulse, and warns of an irregular heartbeat. Its cuff fits arms of 22 to 42 cm.</p><p>Two people can keep their own \
        diaries, and the averages of mornings and evenings are shown apart, as guidelines advise.</p></div>\
        <div class=product-specifications><h2>Specifications</h2><table><tr><th>Range</th><td>40 to 260 mmHg</td></tr>\
        <tr><th>Accuracy</th><td>±3 mmHg</td></tr><tr><th>Memory</th><td>2 × 100 values</td></tr><tr><th>Power</th>\
        <td>4 batteries of 1.5 V</td></tr></table></div></main><aside class=related-products><h3>You may also like</h3>\
        <ul><li><a href=/1>Wrist monitor</a><li><a href=/2>Thermometer</a></ul></aside>";
    let text = page(&site("Upper arm blood pressure monitor", body)).text;
    has_all(&text, &["irregular heartbeat", "Accuracy | ±3 mmHg"], &["Wrist monitor", "Careers"]);
}

#[test]
fn a_list_is_its_titles_and_what_it_says_of_them() {
    let items = [
        ("Living with asthma", "How to tell a mild attack from a severe one, and what to do in each case."),
        ("Peak flow at home", "Measuring every morning shows that the airways narrow before you feel it."),
        ("Inhalers compared", "Powder and spray need different ways of breathing in; we show both of them."),
        ("Sport and asthma", "Warming up for ten minutes makes most kinds of sport possible again."),
    ];
    let item = |(title, blurb): &(&str, &str)| {
        format!("<article class=card><h3><a href='/a'>{title}</a></h3><p class=excerpt>{blurb}</p></article>")
    };
    let cards: String = items.iter().map(item).collect();
    let text = page(&site("Asthma", &format!("<main><h1>Asthma</h1><div class=card-list>{cards}</div></main>"))).text;
    let wanted: Vec<&str> = items.iter().flat_map(|(title, blurb)| [*title, *blurb]).collect();
    has_all(&text, &wanted, &["Careers"]);
}

#[test]
fn documentation_keeps_code_and_terms_and_leaves_its_contents_out() {
    let links: String = (1..30).map(|it| format!("<li><a href='/c{it}'>Chapter {it}</a></li>")).collect();
    let body = format!(
        "<div class=sidebar><ul class=toctree>{links}</ul></div><div role=main class=document><h1>Units</h1>\
         <p>All laboratory values are stored in SI units and converted when they are shown to the user.</p>\
         <pre>convert glucose --from mg/dl --to mmol/l</pre><dl><dt>--from</dt><dd>The unit in which the value was measured.</dd>\
         <dt>--to</dt><dd>The unit that is wanted.</dd></dl></div>"
    );
    let text = page(&site("Units", &body)).text;
    has_all(&text, &["convert glucose --from mg/dl --to mmol/l", "The unit in which the value"], &["Chapter 7"]);
}

#[test]
fn what_waits_for_a_script_is_text() {
    let text = "Peak flow is measured three times, and the best of the three values counts for the diary.";
    let folded = format!(
        "<p>Questions that patients ask most often, with the answers that our nurses give them.</p>\
         <h3><button>How often?</button></h3><div class=accordion-panel aria-hidden=true><p>{text}</p></div>"
    );
    has_all(&page(&site("Questions", &folded)).text, &["How often?", text], &[]);
    let posts: String = (0..9).map(|it| format!("<div class=post><p>{it}. {text}</p></div>")).collect();
    let without_scripts = format!("<title>Asthma</title><div id=app></div><noscript>{posts}</noscript>");
    has_all(&page(&without_scripts).text, &["8. Peak flow"], &[]);
    let streamed =
        format!("<title>Asthma</title><div id=app><p>Loading</p></div><div hidden id='S:0'><p>{text}</p></div>");
    has_all(&page(&streamed).text, &[text], &[]);
}

#[test]
fn a_panel_that_names_its_heading_is_folded_and_not_hidden() {
    let panel = |id: &str, name: &str, text: &str| {
        format!(
            "<h3 id={id}-h>{name}</h3><div id={id} hidden aria-hidden=true aria-labelledby={id}-h><p>{text}</p></div>"
        )
    };
    let panels = [
        "Take the tablet with water in the morning, half an hour before you eat or drink anything else.",
        "Call the ward if your temperature rises above 38 degrees, or if the wound begins to bleed again.",
        "Physiotherapy begins on the day after surgery, and most patients climb stairs by the end of the week.",
    ];
    let [first, second, third] = panels;
    let body = format!(
        "<main><h1>After your operation</h1>{}{}{}</main><div role=dialog aria-labelledby=x hidden><p>Choose your language before you go on, please.</p></div>",
        panel("a", "Tablets", first),
        panel("b", "Fever", second),
        panel("c", "Movement", third)
    );
    has_all(&page(&site("After your operation", &body)).text, &panels, &["Choose your language"]);
}

#[test]
fn a_frame_that_noscript_holds_ends_with_it() {
    let text = "心房颤动是最常见的心律失常，可以引起中风，因此多数病人需要服用抗凝药物。";
    let html = format!("<body><noscript><iframe src=x height=0 /></noscript><main><p>{text}</p></main>");
    assert_eq!(page(&html).text, text);
}

#[test]
fn a_page_that_shows_nothing_is_what_it_says_of_itself() {
    let html = "<title>Metformin - Forum</title><meta name=description content='Which dose in the evening?'>\
        <script type='application/ld+json'>{\"@type\":\"DiscussionForumPosting\",\"text\":\"My father takes 500 mg twice a day.\",\
        \"comment\":[{\"@type\":\"Comment\",\"text\":\"With the meal, said our doctor.\"}]}</script><div id=app></div>";
    assert_eq!(
        page(html).text,
        "My father takes 500 mg twice a day.\nWith the meal, said our doctor.\nWhich dose in the evening?"
    );
}
