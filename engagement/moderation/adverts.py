"""Patterns of advertisements, quarrels and hidden links. Pure.

They look at letters and digits alone (:attr:`Folded.bare`), so that what is put between the characters of a word does not
help; prices and links are looked for where marks still stand.

Source: F125.
"""

from __future__ import annotations

import re

_CHANNEL = (
    r"(?:[微薇威维徽唯][信心]|[v加]信|v[x我]|wx|wei信|weixin|wechat|微号|加[薇微徽威]|卫星|扣扣|q群|(?<![a-z])qq"
    r"|薇(?=[a-z0-9]{4}))"
)
_ID = r"(?=[a-z0-9]*[a-z0-9])(?:[a-z][a-z0-9]{4,19}|[1-9]\d{4,11})"
CONTACT = re.compile(rf"{_CHANNEL}(?:同?号码?|群|是|同手机|同步)?{_ID}")
"""A channel with an account behind it."""
SOLICITS = re.compile(
    rf"[加找私](?:我|本人|老师|客服)?的?{_CHANNEL}(?!支付|步数|红包|好友吗)"
    r"|加我(?:拉|了解|发|领|一起|详聊|咨询|报名|进|微|看|$)"
    r"|(?:需要|想要|要的|有意|感兴趣|有需|想减|想赚|想学)[^我]{0,6}(?:加我|私我|私聊|联系我)(?!一个|一份)"
    r"|私聊(?:了解|我|拿|领)|私信我|私我(?:了解|拿|领|$)|一起赚|免费领|有意联系|联系方式见"
)
"""Asks to be added or written to."""
OFFERS = re.compile(
    r"刷单|刷信誉|日结|日[入赚][一-九百千万\d]|月入[一-九几过上\d]{1,2}[万千]|[稳躺]赚|套现|无抵押|代开发票|专业办证|办证[刻包]"
    r"|包过包|[考证]包过|包拿证|招(?:收|募)?(?:兼职|代理|主播|打字)|[诚急高][招聘薪]{1,2}(?:诚?聘|招|主播|代理|兼职|送货|学徒)"
    r"|内部(?:消息|价拿)|拿内部价|一手货源|一件代发|厂家直[销供]|零投资|砍一刀|拼夕夕|复制(?:口令|这段话|这条)打?开?|打开(?:手机)?淘宝"
    r"|包治|专治|祖传(?:膏药|秘方)|见效快|(?:优惠券|福利|红包|捡漏|内购|返利)群|计划(?:群|带)|试听课|扫码(?:加群|进群|报名|领|添加)"
    r"|加群(?:领|就领|免费|每天)|高价回收|手工活外发|稳定盈利|彩票计划|返现\d|无需押金|不用出门[^吗]{0,2}$|低价充话费|做微商"
    r"|先到先得扫码|小投资|小项目月|名额有限|名额不多"
)
"""What no neighbour offers in passing."""
GOODS = re.compile(
    r"承接|专业|疏通|开锁|换锁|清洗|维修|家政|保洁|搬家|出租|月租|出售|转让|回收|[七八九]折|优惠|低价|特价|批发|包邮|自家|新蜂蜜"
    r"|新开|减肥|瘦身|招聘|急聘|诚聘|贷款|办卡|招生|培训|理财|保险|充值|福利|价目表|海鲜|预约|开班|课程|出$|元出|块出|要的|有需要"
)
"""What neighbours offer too; an advertisement when it comes with a way to reach the seller and a price or the like."""
PRICE = re.compile(r"\d+(?:\.\d+)?\s*(?:元|块|/斤|一斤|一个|起)|[¥￥]\s*\d")
ASKS = re.compile(
    r"[?]\s*\W*$|[吗呢么]\W*$|[能可行好][一-鿿]{0,4}[不否]\W*$|怎么|多少|什么|哪|谁|咋|几点|几号|几天|是不是|能不能|要不要|可不可以|有没有|求推荐|为啥|如何|行不行"
)
WARNS = re.compile(
    r"骗子[吗吧?]|骗局|是不是骗|骗人的|被骗|诈骗|受骗|上当|冒充|假冒|举报|反诈|提醒大家|大家(?:小心|当心)"
)
"""Warns of somebody: may even name the account."""
REPORTS = re.compile(
    r"(?<!所)有人[^,。?]{0,6}(?:[加让叫拉要]我|私信|冒|发|骂|卖假|在群|打电话)|有个"
    r"|(?:客服|卖家|商家|对方|人家|团长|网友|的人|[他她])[^,。]{0,6}(?:[加让叫拉]我|私信我)"
    r"|陌生|自称|短信说|能信|靠谱吗|真的吗|是真的|假的|别信|别点|别上|发广告|骂人|管不管|管管|卖假|谁发的"
)
"""Tells of what somebody else does."""
PROMISES = re.compile(r"不骗人|绝不骗|非骗|不是骗子|真的不骗")
"""What swindlers say of themselves; then the words of :data:`WARNS` and :data:`REPORTS` prove nothing."""

_WHO = r"(?:你们?|楼上|楼下|那个|这个|团长|邻居|全家|他们?|她|这种|这帮|有些人|某些人)"
_NAMES = (
    r"(?:智障|脑残|废物|白痴|神经病|垃圾人|狗东西|不要脸|老不死|老东西|贱|死老太|臭老头|蠢货|蠢猪|傻子|人渣|混蛋|流氓"
    r"|骗子精)"
)
INSULTS = re.compile(
    rf"{_WHO}[一-鿿\d]{{0,5}}{_NAMES}(?!包|造|兮)|{_NAMES}(?:吧|啊|一个|东西)?(?:你|邻居|团长|玩意|们别|一个|连)|垃圾人|老东西嘴|臭婊"
    r"|他妈的(?:什么|玩意|破|烦|滚|气|傻|又|谁|能|会|还|敢|就是|$)|(?:你|都|快)(?:闭嘴|滚)|闭嘴(?:吧|你)|滚吧?你|嘴巴?放干净|偷我家[一-鿿]{0,3}贼"
    r"|不要脸的(?:东西|人)|^滚$|给我闭嘴|还有脸说"
)
SELF = re.compile(r"(?:我|自己|俺|咱)(?:真是?|就是?|是|都|也|怎么|又)*[一-鿿]{0,2}$")
"""Stands before a word that somebody says of himself."""

TLD = (
    r"(?:c[o0]m|cn|net|org|top|xyz|vip|cc|shop|club|site|online|info|biz|io|me|tv|fun|ink|link|live|pro|wang|win|work|store|app"
    r"|icu|ly|gd|gl|so|tk|ru|hk|tw|lc|in)"
)
_HOST = r"(?<![@\w.-])(?:[a-z0-9][a-z0-9-]{0,62}\.)+"
LINK = re.compile(
    rf"(?:h(?:tt|xx)ps?|ftp)\s*:\s*//[^\s,。;一-鿿]+|{_HOST}{TLD}(?![a-z0-9-])(?:[/?#:][^\s,。;一-鿿]*)?|www\.[^\s,。;一-鿿]+"
)
_DOT = r"(?:点|。|丶|,|·|\(dot\)|\[dot\]|\[\.\]|\(\.\)|\(点\)|\[点\]|、)"
DOTTED = re.compile(rf"(?<![@a-z0-9.-])[a-z0-9][a-z0-9-]{{2,62}}\s*{_DOT}\s*{TLD}(?![a-z0-9])(?:/\S*)?")
"""A link whose dot is spelt."""
SPACED = re.compile(r"(?:[a-z0-9]\s){2,}\s*[a-z0-9]?\s*\.\s*(?:[a-z0-9.]\s*)*(?:/(?:\s*[a-z0-9])+)?")
"""A link with blanks between its letters."""
SHORT = re.compile(
    r"^(?:https?://)?(?:m\.|c\.|w\.)?(?:t\.cn|dwz\.(?:cn|lc)|url\.cn|suo\.im|bit\.ly|tb\.cn|t\.me|is\.gd|tinyurl\.com|goo\.gl|6du\.in"
    r"|sourl\.cn|u\.jd\.com|v\.kuaishou\.com|v\.douyin\.com|m\.tb\.cn|p\.pinduoduo\.com|s\.click\.taobao\.com|rrd\.me|mrw\.so)(?:/|$)"
)
"""Nobody sees where it leads."""
