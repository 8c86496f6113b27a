"""What people say to the bot that is no question, and how angry they are. Pure."""

from __future__ import annotations

import re
import unicodedata

from engagement.kernel import simplified
from prompts.asking import distress

COURTESY_MOST = 20
"""Longer words are never only a greeting."""
SHORT_ANSWER = 90
"""Characters of one answer among several."""
BRIEF_ANSWER = 45
"""Characters of an answer for who asked for short ones; whole sentences, and what to do is kept."""
MOST_OPEN = 5
"""Questions of one neighbour that may wait for the leader at once."""

DISTRESS_MOST = 200
"""Characters of a text that are looked at for somebody's distress."""
CLAUSE_MOST = 40
"""Longer clauses tell a story; who needs help now is brief."""
CRY = "cry"
"""An emergency of which nothing is said but that there is one."""
_BREAKS = re.compile(r"[^\w ]+|\n")
_CALLED = re.compile(r"团团|小助手|机器人")
_ENDINGS = r"(?:你|您|啊|呀|哦|哈|了|吧|嘞|啦|各位|大家|邻居们?|团长|闺女|姑娘|小伙子?|妹子|大姐|亲)*"
_NODS = r"嗯|恩|哦|噢|喔|好的|好吧|好嘞|好滴|好|行|成|中|得嘞|知道了?|明白了?|懂了?|晓得了?|要得|收到|可以|没问题|ok|那|我?等着"
_THANKS = r"谢|多谢|感谢|辛苦|麻烦|3q|thanks|thankyou|thx|棒|不错|厉害|真好"
_SAID = (
    ("empty", re.compile(r"(?:我?想)?(?:提问|问|请问|请教|问一下|问个问题|问问|有个问题|有问题)(?:一下|下)?")),
    (
        "there",
        re.compile(r"(?:你好|您好|哈喽|你|您|团长)*(?:在吗|在么|在不在|在嘛|有人吗|有人在吗|人呢|人在吗|喂|在线吗)+"),
    ),
    (
        "hello",
        re.compile(
            r"(?:大家|各位|团长)?"
            r"(?:你好|您好|大家好|早|早上好|早安|上午好|中午好|下午好|晚上好|嗨|哈喽|哈啰|hi|hello|hey)+" + _ENDINGS
        ),
    ),
    (
        "how",
        re.compile(
            r"(?:你|到底)*(?:怎么|咋)(?:使用|用)[啊呀呢的]*"
            r"|(?:我|俺|老人|我妈|我爸)*(?:还|都|也|真|真的)*不(?:太)?会(?:用|弄|操作|玩)(?:这个?|你|它|小程序|手机)*(?:东西|玩意儿?)?[啊呀呢的了]*"
            r"|(?:你|这|这个|这里|这儿)(?:到底)?(?:是|算)?(?:个)?(?:干啥|干嘛|干什么|做什么|做啥|啥|什么)(?:用|东西|玩意儿?|地方|群)?[的啊呀呢]*"
        ),
    ),
    (
        "wish",
        re.compile(
            r"(?:祝|大家|团长|各位|你|您|也)*"
            r"(?:(?:新年|新春|春节|过年|元旦|元宵节?|端午节?|中秋节?|国庆节?|节日|周末|圣诞)(?:好|快乐|愉快|安康)"
            r"|恭喜发财|万事如意|身体健康|岁岁平安)+" + _ENDINGS
        ),
    ),
    (
        "caring",
        re.compile(
            r"(?:你|您|也|闺女|姑娘|妹子)*(?:吃(?:[早午晚]?饭了?|了)(?:吗|没有?)|累不累|累了吧|忙不忙|忙吗|早点(?:休息|睡|歇着)|注意身体)+"
            + _ENDINGS
        ),
    ),
    ("thanks", re.compile(f"(?:{_NODS}|{_THANKS}|你|您|太好了|真)*(?:{_THANKS})(?:{_NODS}|{_THANKS})*" + _ENDINGS)),
    ("noted", re.compile(f"(?:{_NODS})+" + _ENDINGS)),
    ("laugh", re.compile(r"(?:[哈嘿嘻]{2,}+|h{3,}+|啊哈|笑死|笑哭|笑喷|乐死|xswl|2333*|lol)+(?:我|人|了|啦)*")),
    (
        "small_talk",
        re.compile(
            r"你?(?:会不会|能不能|可以|会|能)?(?:给|帮|跟|和)?(?:我们?|咱们?|大家)?"
            r"(?:来|讲|说|唱|背|写|跳)[一两]?[个首段支点]?(?:笑话|故事|儿?歌|诗|舞)(?:吗|么|不|听听?|吧|呗)*"
            r"|(?:今天|明天|后天|现在|外面|这两天|最近|的)*天气(?:怎么样|怎样|咋样|如何|好吗|好不好|预报)?"
            r"|(?:今天|今晚|明天|后天|现在|外面|这两天|周末|那边|会不会|会|还|要)*(?:下雨|下雪|刮风|降温|出太阳)(?:了|吗|么|没有?|不)*"
        ),
    ),
    (
        "unclear",
        re.compile(
            r"(?:我|都|也|还是|你说的?|这|什么|完全|有点|真)*(?:看不(?:太)?懂|没看懂|听不懂|没听懂|看不明白|没明白|不明白|搞不懂)(?:了|啊|呀|你|说的?|啥|什么)*"
        ),
    ),
    (
        "not_deleted",
        re.compile(
            r"(?:我|那|还是|先|就|都)*(?:不|别|甭|不要|不想)(?:删除?|注销|清空?)(?:我的)?(?:数据|账号)?[了啊呀吧哈]*"
        ),
    ),
    (
        "leave_me",
        re.compile(
            r"(?:你|以后|请|往后)*(?:别|不要|甭|不用|不许)(?:再|总|老|天天)*(?:管|理|烦|吵|找|打扰)我[了啊呀吧哈]*"
            r"|(?:你|以后|请|往后)*(?:别|不要|甭|不用|不许)(?:再|总|老|天天)*(?:叫|喊|催|提醒)(?:我|俺)?(?:签到|打卡)[了啊呀吧哈]*"
            r"|(?:你|以后|请|往后)*(?:别|不要|甭)(?:再|总|老|天天)+(?:给我)?发(?:消息|信息)?[了啊呀吧哈]*"
        ),
    ),
    ("nothing_open", re.compile(r"(?:那|还是)?(?:取消|不要|不填|不写|不改|不弄)(?:了|吧|啊|呀)*")),
    ("yes", re.compile(r"(?:是|是的|对|对的|没错|确定|确认|同意|愿意)+" + _ENDINGS)),
    (
        "bye",
        re.compile(
            r"(?:再见|拜拜|拜|88|bye|byebye|晚安|先忙|回头聊|算了|祘了|没事|没事了|没啥事|不用了|先这样)+" + _ENDINGS
        ),
    ),
)
_SIGNS = re.compile(r"\[[\u4e00-\u9fff]{1,4}\]")
"""What WeChat writes for its own pictures: [玫瑰]."""
_PHOTO = re.compile(r"\[(?:图片|照片)\]")
_MEDIA = re.compile(r"\[(?:语音|视频|文件|位置|红包|转账|链接)\]")
"""And for what the bot neither sees nor takes."""
_ANGRY_SIGNS = re.compile(r"[\U0001f620\U0001f621\U0001f624\U0001f92c]|\[(?:发怒|抓狂|咒骂|愤怒|生气)\]")
_ASKING_MARK = re.compile("[?\uff1f]")
_SOCIAL = ("bye", "thanks", "caring", "wish", "hello", "noted")
"""What may stand behind each other; the first of these that is said is answered."""
FOR_LEADER = ("nothing_open", "unclear", "upset")
"""Kinds that go to the leader when the asker says them to a question of his."""
_RUDE = re.compile(
    r"(?:你|机器人|助手|团团)[^，。,]{0,4}(?:破|垃圾|废物|智障|傻|笨|蠢|没用|有没有用|有什么用|烦)"
    r"|破机器|什么破|什么玩意|^\W*(?:滚|滚蛋|闭嘴|垃圾|废物|傻\w|智障|烦死了?|无语)\W*$"
    r"|(?:傻[逼比币]|煞笔|死|臭|烂|蠢|笨|破|垃圾|废物)(?:机器人|小?助手|团团)"
    r"|^\W*(?:sb|s\.b\.?|煞笔|沙[比币雕]|尼玛|他?妈的|tmd|nmd)\W*$",
    re.IGNORECASE,
)
_UPSET = re.compile(
    r"(?:你们?家?|这|这个|什么|啥|团长|咱们?)*(?:平台|群|团|店|卖家|商家)?(?:都|就)?(?:就是|真是|简直是?|真的?|太|也太|是|好|够|尽)*"
    r"(?:坑人?|坑爹|垃圾|黑心|骗人|恶心人|差劲|离谱|过分|欺负人|不要脸|没良心|不讲理)(?:死了|透了|到家|的|了|啊|呀|吧|你们|平台|商家|店家)*"
    r"|(?:真是?|可|要|快|被你们)*(?:气死|烦死|急死|恶心死|坑死|坑惨|气炸|气疯)(?:我|人|老子|老娘|个人)?(?:了|啦|啊|你们)*"
)
_CLOCK = (
    (
        "day",
        re.compile(
            r"(?:请问|问一?下)?(?:今天|今日|今儿个?|现在)(?:是|到底)?(?:几月)?(?:几号|几日|星期几|礼拜几|周几|什么日子)[了啊呀呢]*"
        ),
    ),
    (
        "tomorrow",
        re.compile(
            r"(?:请问|问一?下)?(?:明天|明日|明儿个?)(?:是)?(?:几月)?(?:几号|几日|星期几|礼拜几|周几)[了啊呀呢]*"
        ),
    ),
    (
        "time",
        re.compile(r"(?:请问|问一?下)?(?:现在|这会儿?|此刻|当前)(?:是|到)?(?:几点钟?|什么时间|啥时间|几时)[了啊呀呢]*"),
    ),
)
_EVERYBODY = re.compile(
    r"[@\uff20]\s*(?:所有人|全体(?:成员)?|大家|全部|各位|all\b|everyone\b|everybody\b)", re.IGNORECASE
)
_WRONG = re.compile(
    r"^\W*(?:这个|这条|这|你)?(?:不对|错了|答错了|说错了|讲错了|不是这样的?|不准确?|有误|过时了|早就?改了|已经改了|改了|更正|纠正)"
    r"(?:了|的|啊|哦|呀|吧|一下)*(?:[\s,，。.:：!！、;；]+|(?=应该|应为|是|现在))"
    r"(?:应该是|应该|应为|是|现在是|改成|改为|正确的是)?[\s:：]*(?P<words>\S.*)$",
    re.DOTALL,
)
_ENDS_ASKING = re.compile(r"[?\uff1f吗]$")
_NOT_IT = re.compile(
    r"\W*(?:这个?|这条|你)?(?:不对|错了|答错了|说错了|不是这个|不是问这个|答非所问|不是我(?:要)?问的|没用|没帮上忙?)"
    r"(?:了|的|啊|呀|吧)*\W*"
)
_GOODS = re.compile(r"退|换|坏|烂|少|漏|货|钱|菜|米|肉|蛋|订单|提|送|积分|打卡|签到")
_ANGRY = re.compile(r"[!\uff01]{2,}|[?\uff1f]{3,}|什么破|破平台|垃圾平台|退钱|骗|坑人|黑心|气死|太过分|凭什么")
_GRIEVANCE = re.compile(r"(?<!怎么)(?<!如何)(?<!哪里)投诉|12315|消协|曝光|起诉|告你|举报你|举报团长|要个?说法")
_COMPLAINS = re.compile(
    r"(?:我|俺|我们)(?:就|真|非|一定)*(?:是)?(?:要|得|想|必须)投诉(?!.{0,6}(?:怎么|咋|如何|找谁|电话|渠道|流程|多久|哪))"
    r"|(?<=\w[，,。!！;；\s])投诉(?:你们|他们)?[了啊]?\W*$|^\W*投诉(?:[!！，,：:。\s]+)(?=\w)(?!.*(?:怎么|咋|如何|找谁|电话|渠道|流程|多久|哪))"
)
_ASKS = re.compile(r"[?\uff1f]|[吗么呢]\W*$|怎么|几点|什么时候|在哪|哪里|多少|能不能|可不可以|可以吗|为什么|为啥|咋")
_SENTENCES = re.compile(r"(?<=[\u3002\uff01\uff1f!?])\s*")
_DO = re.compile(r"发|拍|联系|告诉|找|问|带|点一?下|称|扔|别|先|请")
_ENOUGH = 25
_PERSON = r"(?:团长|群主|店长|她|他|ta)"
_AWAITS = re.compile(
    rf"(?:等了?(?:半天|好久|很久|[一两]天))?(?:怎么|咋|为啥|为什么|那)?(?:还|都|一直|到现在|老|总是?)*(?:不见|没见|没看[见到]|看不[见到]|等不到|没等到){_PERSON}的?(?:回|理)(?:复|话|信|音|我|消息)*[了啊呀呢]*"
    rf"|(?:怎么|咋|为啥|为什么|那)?{_PERSON}(?:怎么|咋|为啥|为什么|到底)?(?:还|都|一直|到现在|老|总是?)*(?:不|没有?|未)(?:回|理|搭理|答)(?:复|话|信|音|我|消息)*[了啊呀呢吗]*"
    rf"|{_PERSON}(?:回|答)(?:复|话|信)?(?:我|消息)?了?(?:吗|没有?)[啊呀呢]*"
    r"|(?:(?:等了?|都|已经)*[一两二三四五六七八九十几\d]{1,3}[天日]了?)?(?:怎么|咋|为啥|为什么|还|都|一直|到现在)+没(?:有)?人?(?:回|理|管)(?:复|话|我)*[了啊呀呢]*"
    r"|(?:那|请问)?我(?:的|那个|那件|上次的?)*(?:投诉|事儿?|问题)(?:现在|处理|解决)*(?:的?怎么样|咋样|到哪儿?一?步?|有(?:结果|消息|回音|人管))(?:了|吗|没有?|呢|啊)*"
)
_POINTS = (
    r"(?:补|加|赔|退|返|送)(?:点|些|一?点儿?|上|回)?(?:我|我们)?\d{0,4}个?"
    r"(?:积分|分(?=(?:吗|么|吧|呗|嘛|了|啊|呀|呢|哦|行不行|好不好|[行好]|可以)*$))"
)
_WANTS_POINTS = re.compile(
    rf"(?:给|帮|替)?(?:我|我们|俺)?{_POINTS}|积分(?:能|可以|会|给|得|该)*(?:不能|不给)?(?:补|赔|退|返)"
)
_BEGS_POINTS = re.compile(
    rf"(?:那|就|你|团长|能不能|能|可以|可不可以|是不是|请|麻烦|再|应该|得)*(?:给|帮|替)(?:我|我们|俺)(?:再|多|也|先)?{_POINTS}(?:吗|么|吧|呗|行吗|好吗|行不行|了|啊|呀|呢)*"
)
_SURNAME = (
    "(?!李子|李锦|陈[皮醋]|何时|许多|王老|罗汉|周[卡末边报])"
    "[王李张刘陈赵吴周徐孙朱郭何罗宋郑韩冯董曹袁邓许沈彭吕卢蒋蔡魏薛潘杜]"
)
_SOMEBODY = (
    r"(?:.{0,6}?(?:[姐妹哥弟叔伯姨婶嫂爷爸]|奶奶|(?<!干)妈|师傅|老师|先生|女士|太太|(?<!收货)(?<!联系)人|家伙|骗子|邻居|群友|业主|租客|[他她]们?|ta|"
    r"(?:卖(?![完光剩掉的])|推销|发广告|打广告|骂人|捣乱).{0,3}的|\d(?:号?楼|栋|单元|室)的?.{0,4}|那[个位]谁)"
    rf"|[老小]?{_SURNAME}\w{{0,2}})"
)
_EXPELS = re.compile(
    r"(?:请|麻烦|帮我|给我|能不能|可以|快|你)*(?:(?:把|将)(?!我).{1,8}?给?(?:踢|移|请|赶|撵|清|弄)出(?:本|这个?|咱们?)?群去?"
    r"|(?!.*(?:名单|怎么|购物车|商品|订单|券|地址))"
    rf"(?:(?:把|将)(?!我){_SOMEBODY}给?(?:踢(?:了|掉|走|出去?)?|拉黑|移除)|(?:踢(?:掉|走|了)|拉黑|移除)(?!我){_SOMEBODY}))"
    r"(?:了|吧|呗|行吗|行不行|可以吗|好吗|吗|啊|呀)*"
)
_DISMISSES = re.compile(r"(?:这个)?(?:不用回复?|不必回复?|不用管|不管|不用理|不理|忽略|跳过|算了)(?:了|吧|他|她|它)*")


def folded(text: str) -> str:
    """Reduce to letters and digits, small, without the bot's name."""
    kept = "".join(
        char for char in unicodedata.normalize("NFKC", text).lower() if unicodedata.category(char)[0] in "LN"
    )
    return _CALLED.sub("", kept) or kept


def courtesy(text: str) -> str:
    """Say what kind of politeness (or abuse) a text is that asks for nothing.

    Returns:
        ``hello``, ``how`` (is it used), ``there``, ``wish``, ``caring``, ``thanks``, ``noted`` (heard it), ``yes`` (a nod to
        something), ``bye``, ``nothing_open`` (a 取消 of nothing), ``small_talk`` (a joke, the weather: nothing for the
        leader), ``not_deleted`` (no to 删除我的数据), ``leave_me`` (is to be left
        alone), ``rude``, ``upset`` (angry, and not a word about what), ``unclear`` (did not understand), ``empty`` (begins
        to ask), ``laugh``, ``photo``, ``media`` (a word that stands for one), or for signs without a word ``noted``, of
        question marks ``there`` and of angry faces ``upset``; an empty text otherwise.
    """
    if _PHOTO.fullmatch(text.strip()):
        return "photo"
    if _MEDIA.fullmatch(text.strip()):
        return "media"
    bare = folded(_SIGNS.sub("", text))
    if not bare and text.strip():
        return "upset" if _ANGRY_SIGNS.search(text) else "there" if _ASKING_MARK.search(text) else "noted"
    if not bare or len(bare) > COURTESY_MOST:
        return ""
    for kind, words in _SAID:
        if words.fullmatch(bare):
            return kind
    if _RUDE.search(text) and not _GOODS.search(bare):
        return _in_a_row(bare) or "rude"
    return _in_a_row(bare) or ("upset" if _UPSET.fullmatch(bare) else "")


def _in_a_row(bare: str) -> str:
    """Say what several courtesies behind each other come to (「晚安闺女早点休息」), or nothing if a word is none."""
    kinds = set()
    while bare:
        longest = max(
            ((found.end(), kind) for kind, words in _SAID if kind in _SOCIAL and (found := words.match(bare))),
            default=(0, ""),
        )
        if not longest[0]:
            return ""
        kinds.add(longest[1])
        bare = bare[longest[0] :]
    return next(kind for kind in _SOCIAL if kind in kinds)


def danger(text: str) -> str:
    """Say whether somebody is in danger; an empty text otherwise.

    Each clause is looked at, and the whole without its marks (「我 不 想 活 了」); an emergency is no word between blanks.

    Returns:
        ``self_harm``, ``violence`` (at home), or ``emergency``: who needs a doctor, the police or the fire brigade now.
    """
    plain = _plain(text)
    clauses, brief = _clauses(plain)
    spaced = clauses | set(map(folded, plain.split()))
    for kind, words in distress().items():
        if any(words.fullmatch(one) for one in (brief if kind == "emergency" else spaced)):
            return kind
    whole = folded(plain)[:CLAUSE_MOST]
    return next((kind for kind, words in distress("alone").items() if words.fullmatch(whole)), "")


def emergencies(text: str) -> frozenset[str]:
    """Say what has happened to somebody whose words are an ``emergency``, as prompts/asking names it; a cry tells nothing."""
    _, brief = _clauses(_plain(text))
    matches = map(distress()["emergency"].fullmatch, brief)
    return frozenset(match.lastgroup for match in matches if match and match.lastgroup) or frozenset({CRY})


def _plain(text: str) -> str:
    return simplified(unicodedata.normalize("NFKC", text[:DISTRESS_MOST]).lower())


def _clauses(plain: str) -> tuple[set[str], set[str]]:
    """Return the whole and its clauses without marks, and those of them that are brief."""
    clauses = {folded(plain), *map(folded, _BREAKS.split(plain))}
    return clauses, {one for one in clauses if len(one) <= CLAUSE_MOST}


def clock(text: str) -> str:
    """Say whether somebody asks what only the clock knows: ``day``, ``tomorrow`` or ``time``; else an empty text."""
    bare = folded(text)
    return next((kind for kind, words in _CLOCK if words.fullmatch(bare)), "")


def part_of_day(minute: int) -> str:
    """Say how one greets at a local minute, 0 … 1439: ``morning``, ``noon``, ``afternoon`` or ``evening``."""
    hour = minute // 60
    return "morning" if 5 <= hour < 11 else "noon" if 11 <= hour < 13 else "afternoon" if 13 <= hour < 18 else "evening"


def is_talk(text: str) -> bool:
    """Say whether words are for everybody in the group and not for the bot, though it was addressed."""
    return bool(_EVERYBODY.search(text))


def corrected(text: str) -> str:
    """Return what a leader says an answer should be (「不对，是下午三点」), or an empty text."""
    found = _WRONG.match(text.strip())
    words = found["words"].strip() if found else ""
    return words if len(words) > 1 and not _ENDS_ASKING.search(words) else ""


def is_not_it(text: str) -> bool:
    """Say whether words that quote an answer only tell that it did not help."""
    return bool(_NOT_IT.fullmatch(text))


def is_angry(text: str) -> bool:
    """Say whether an answer should begin with a word of regret, and a hand-over too.

    Source: F67.
    """
    return bool(_ANGRY.search(text) or _GRIEVANCE.search(text))


def is_grievance(text: str) -> bool:
    """Say whether somebody complains so that no list of questions will do: the leader has to know."""
    return bool(_GRIEVANCE.search(text))


def nudges(text: str) -> bool:
    """Say whether words are nothing but question marks: to a question of one's own they ask where the answer is."""
    return bool(_ASKING_MARK.search(text)) and not folded(text)


def complains(text: str) -> bool:
    """Say whether somebody lodges a complaint, and does not ask how: an answer alone is not enough."""
    return bool(_COMPLAINS.search(text))


def asks(text: str) -> bool:
    """Say whether words that quote a hand-over are a question of their own, and no mere talk."""
    return bool(_ASKS.search(text))


def awaits(text: str) -> bool:
    """Say whether somebody wonders why the leader has not answered yet."""
    return bool(_AWAITS.fullmatch(folded(text)))


def expels(text: str) -> bool:
    """Say whether a neighbour is to be put out of the group: no program does that for anybody."""
    return bool(_EXPELS.fullmatch(folded(text)))


def wants_points(text: str) -> bool:
    """Say whether words about something else (a bad box of fruit) ask for points, too."""
    return any(_WANTS_POINTS.search(one) for one in (folded(text), *map(folded, _BREAKS.split(text))))


def begs_points(text: str) -> bool:
    """Say whether somebody wants points for himself, and says no more: only a leader gives any."""
    return bool(_BEGS_POINTS.fullmatch(folded(text)))


def dismisses(text: str) -> bool:
    """Say whether a leader's reply to a handed-over question means that it needs no answer."""
    return bool(_DISMISSES.fullmatch(folded(text)))


def shortened(answer: str, most: int = SHORT_ANSWER) -> str:
    """Cut an answer at a sentence's end, for a message that answers several questions; short ones stay whole."""
    plain = " ".join(answer.split())
    if len(plain) <= most:
        return plain
    head = plain[:most]
    end = max(head.rfind(mark) for mark in "\u3002\uff01\uff1f!?")
    if end >= most // 3:
        return head[: end + 1]
    comma = max(head.rfind(mark) for mark in "\uff1b;\uff0c,\u3001")
    return head[: comma if comma > 0 else most - 1] + "\u2026"


def brief(answer: str) -> str:
    """Keep an answer's first whole sentences and the first that says what to do; short ones stay as they are."""
    plain = " ".join(answer.split())
    if len(plain) <= BRIEF_ANSWER:
        return plain
    said = ""
    for one in _SENTENCES.split(plain):
        if len(said) < _ENOUGH or (_DO.search(one) and not _DO.search(said)):
            said += one
    return said
